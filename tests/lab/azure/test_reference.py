"""The page about the lab's Azure says what is so."""

import re
from dataclasses import fields
from pathlib import Path

from entrafed_lab.azure import Delays, Fault, Seed, ServiceName
from entrafed_lab.azure.documents import camel

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "lab-azure.md").read_text()


def test_it_tells_every_delay_with_its_default() -> None:
    told = {name: float(seconds) for name, seconds in re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)}
    assert told == {camel(item.name): item.default for item in fields(Delays) if item.name != "scale"}


def test_it_names_everything_that_a_fault_can_do_and_a_seed_can_hold() -> None:
    words = set(re.findall(r"`(\w+)`", PAGE))
    assert {camel(item.name) for kind in (Fault, Seed) for item in fields(kind)} - words == set()
    assert {name.value for name in ServiceName} - {"admin"} <= words
