"""What runs on this machine, read from /proc."""

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LISTEN = "0A"  # of include/net/tcp_states.h


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


def listening(processes: Iterable[int]) -> set[int]:
    """The TCP ports on which these processes of ours listen."""
    theirs = {str(socket) for process in processes for socket in _open_files(process)}
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    columns = [line.split() for line in lines]  # 1: address:port in hex, 3: the state, 9: the inode
    return {
        int(one[1].rpartition(":")[2], 16) for one in columns if one[3] == LISTEN and f"socket:[{one[9]}]" in theirs
    }


def _open_files(process: int) -> list[Path]:
    found = []
    with contextlib.suppress(FileNotFoundError):  # it has ended in between
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(entry.readlink())
    return found


def until(condition: Callable[[], bool], *, within: float) -> bool:
    """Whether `condition` came true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
