"""The pages of `docs/how-to/sources`, and what they show in YAML."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from manifests import Manifest

FOLDER = Path(__file__).parents[1] / "docs" / "how-to" / "sources"


@dataclass(frozen=True)
class Page:
    """One page: its text, the items that it shows, and what a rule must have for them."""

    text: str
    items: list[Manifest]
    allowed: list[Manifest]


def read_page(path: Path) -> Page:
    """Raises ValueError when the page does not show items and a rule, in this order."""
    text = path.read_text()
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "federatedCredentials" in block]
    items, allowed = (yaml.safe_load(block)["federatedCredentials"] for block in blocks)
    return Page(text, items, allowed)


PAGES = {
    source: read_page(FOLDER / file)
    for source, file in re.findall(r"^\| \[`(\w+)`\]\(([\w-]+\.md)\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
}
"""The pages that the overview lists, by source."""
