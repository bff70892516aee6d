"""What can be read off the Dockerfile without building it: who runs, what goes in, and that uv takes its orders."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

from chart.rendering import ROOT, render
from entrafed.runtime.settings import Settings

UV = ROOT / ".tools" / "bin" / "uv"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continued lines joined."""

    word: str
    text: str

    @property
    def arguments(self) -> list[str]:
        """In exec form: a JSON list. Raises ValueError for the shell form."""
        listed: list[str] = json.loads(self.text)
        return listed


def instructions() -> Iterator[Instruction]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, text = line.strip().partition(" ")
        if word:
            yield Instruction(word, " ".join(text.split()))


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, beginning with its FROM."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.word == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def the(word: str, stage: list[Instruction]) -> Instruction:
    (found,) = (i for i in stage if i.word == word)
    return found


def test_one_stage_builds_and_another_of_the_same_python_runs() -> None:
    build, final = stages()

    assert the("FROM", build).text == "${PYTHON} AS build"
    assert the("FROM", final).text == "${PYTHON}"


def test_the_base_has_a_tag_that_names_something() -> None:
    default = next(i for i in instructions() if i.word == "ARG").text.removeprefix("PYTHON=")

    assert re.fullmatch(r"python:3\.\d+-slim-\w+", default)


def test_the_image_runs_as_the_user_that_the_chart_names() -> None:
    context = render().pod["securityContext"]

    assert the("USER", stages()[-1]).text == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_the_image_runs_what_the_chart_runs() -> None:
    final, container = stages()[-1], render().container

    assert the("ENTRYPOINT", final).arguments == container["command"]
    assert the("CMD", final).arguments == container["args"]
    assert the("EXPOSE", final).text == str(Settings().listen.port)


@pytest.mark.parametrize("word", ["RUN", "ENTRYPOINT", "CMD"])
def test_nothing_goes_through_a_shell(word: str) -> None:
    found = [i for i in instructions() if i.word == word]

    assert found
    assert all(i.arguments for i in found)


def test_only_the_installed_environment_reaches_the_image() -> None:
    copied = [i.text for i in stages()[-1] if i.word in ("COPY", "ADD")]

    assert copied == ["--from=build /opt/entrafed /opt/entrafed"]
    assert "UV_PROJECT_ENVIRONMENT=/opt/entrafed" in the("ENV", stages()[0]).text


def test_the_image_is_built_by_the_pinned_uv() -> None:
    pinned = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert pinned
    assert f"uv=={pinned[1]}" in next(i for i in stages()[0] if i.word == "RUN").arguments


def sent_to_the_builder(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last pattern that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        anywhere = line.removeprefix("!").startswith("**/")
        candidates = Path(path).parts if anywhere else (Path(path).parts[0],)
        if line and not line.startswith("#") and any(fnmatch(part, pattern) for part in candidates):
            sent = line.startswith("!")
    return sent


@pytest.mark.parametrize(
    "path", [".git", ".venv", ".tools", ".lab", "tests", "lab", "docs", "operator/entrafed/__pycache__/x.pyc"]
)
def test_the_builder_never_sees(path: str) -> None:
    assert not sent_to_the_builder(path)


def test_the_builder_sees_all_that_it_copies() -> None:
    copied = [source for i in stages()[0] if i.word == "COPY" for source in i.text.split()[:-1]]

    assert copied
    assert [source for source in copied if not sent_to_the_builder(source)] == []


def uv(folder: Path, *arguments: str) -> str:
    """uv's words; what it is asked is checked against what was copied, and nothing is fetched."""
    return subprocess.run(  # noqa: S603 # our own tool
        [UV, *arguments, "--offline"],
        cwd=folder,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder / "environment")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with what the build stage has when its last instruction runs."""
    for instruction in stages()[0]:
        if instruction.word == "COPY":
            copy(instruction, tmp_path)
    return tmp_path


def copy(instruction: Instruction, folder: Path) -> None:
    *sources, target = instruction.text.split()
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / target)
        else:
            shutil.copy(ROOT / source, folder / target)


def declared_dependencies() -> list[str]:
    """What the operator says that it needs, as in `kopf>=1.45`."""
    declared: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return declared


def test_uv_takes_every_order_with_what_was_copied_until_then(tmp_path: Path) -> None:
    planned = []
    for instruction in stages()[0]:
        if instruction.word == "COPY":
            copy(instruction, tmp_path)
        if instruction.word == "RUN" and instruction.arguments[:2] == ["uv", "sync"]:
            planned.append(uv(tmp_path, *instruction.arguments[1:], "--dry-run"))

    dependencies, everything = planned
    wanted = {re.split(r"[^\w-]", one, maxsplit=1)[0] for one in declared_dependencies()}
    assert wanted - set(re.findall(r"\+ ([\w-]+)==", dependencies)) == set()
    assert "+ entrafed" not in dependencies
    assert "+ entrafed" in everything
    for development in ("pytest", "ruff", "entrafed-lab", "hypothesis"):
        assert f"+ {development}" not in everything


def test_what_was_copied_is_enough_to_build_the_operator(copied: Path) -> None:
    uv(copied, "build", "--wheel", "--out-dir", str(copied / "dist"))

    (wheel,) = (copied / "dist").glob("*.whl")
    packed = ZipFile(wheel).namelist()
    assert "entrafed/runtime/main.py" in packed
    assert {name.partition("/")[0].partition("-")[0] for name in packed} == {"entrafed"}
