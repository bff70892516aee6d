"""What is generated is what the models say, and a file that is not is noticed."""

from pathlib import Path

from entrafed.api.generate import files, stale, write

ROOT = Path(__file__).parents[3]


def test_the_generated_files_of_this_checkout_are_fresh() -> None:
    assert stale(ROOT) == []


def test_what_was_just_written_is_fresh(tmp_path: Path) -> None:
    write(tmp_path)
    assert stale(tmp_path) == []


def test_each_file_is_stale_when_it_is_missing_or_edited(tmp_path: Path) -> None:
    write(tmp_path)
    for path in files():
        file = tmp_path / path
        text = file.read_text()
        file.write_text(text + "\n")
        assert stale(tmp_path) == [path]
        file.unlink()
        assert stale(tmp_path) == [path]
        file.write_text(text)


def test_the_chart_carries_every_crd() -> None:
    crds = {path.removeprefix("crds/"): text for path, text in files().items() if path.startswith("crds/")}
    copies = {Path(path).name: text for path, text in files().items() if path.startswith("charts/")}
    assert len(crds) == 2
    assert copies == crds
