"""What runs on this machine, read from /proc."""

import time
from collections.abc import Callable
from pathlib import Path


def mentioning(text: str | Path) -> set[int]:
    """Ids of the processes whose command line mentions `text`, zombies apart."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(text).encode() in command:
                found.add(int(entry.name))
    return found


def until(condition: Callable[[], bool], *, within: float) -> bool:
    """Whether `condition` came true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
