"""Write the CRDs, the chart's copies of them and the API reference from the models, or tell which are stale.

python -m entrafed.api.generate [--check]
"""

import sys
from pathlib import Path

from entrafed.api.crd import as_yaml, definitions
from entrafed.api.reference import page


def files() -> dict[str, str]:
    """Every generated file: its path from the root of the checkout, and its text."""
    kinds = definitions().values()
    crds = {
        f"{folder}/{kind['metadata']['name']}.yaml": as_yaml(kind)
        for kind in kinds
        for folder in ("crds", "charts/entrafed/files/crds")
    }
    return {**crds, "docs/reference/api.md": page(kinds)}


def stale(root: Path) -> list[str]:
    """Paths of generated files under `root` that are missing or not what the models say."""
    return [path for path, text in files().items() if not (root / path).is_file() or (root / path).read_text() != text]


def write(root: Path) -> None:
    """Write every generated file under `root`."""
    for path, text in files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def main(arguments: list[str]) -> int:
    """Exit code: 1 when `--check` finds a stale file."""
    if arguments != ["--check"]:
        write(Path.cwd())
        return 0
    for path in (found := stale(Path.cwd())):
        sys.stderr.write(f"{path} is not what the models say: run `make generate`\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
