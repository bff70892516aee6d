"""One program of the control plane, running under its supervisor."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import NotReady

SUPERVISOR = Path(__file__).with_name("supervise.py")
LOG_LINES_SHOWN = 15


def supervised(command: Sequence[str | Path], *, grace: float) -> list[str]:
    """The command line that runs `command` and ends it when the writing end of its standard input is closed."""
    return [sys.executable, "-I", "-S", str(SUPERVISOR), str(grace), *(str(part) for part in command)]


def tail(path: Path, lines: int = LOG_LINES_SHOWN) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


class Component:
    """A started program. It ends when `stop` is called, or this process ends in any way, SIGKILL included."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path, *, grace: float) -> None:
        self.name = name
        self.log = log
        self._process = process
        self._grace = grace

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        grace: float = 5.0,
    ) -> "Component":
        """Start `command`, its output appended to `log`. It gets `grace` seconds to end by itself when stopped."""
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                supervised(command, grace=grace),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,  # a Ctrl-C on the terminal is the launcher's to handle
            )
        return cls(name, process, log, grace=grace)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def require_running(self) -> None:
        """Raise `NotReady` with the end of the log if the program has ended."""
        code = self._process.poll()
        if code is not None:
            raise NotReady(f"{self.name} ended with code {code}; its log is {self.log}", detail=tail(self.log))

    def ask_to_stop(self) -> None:
        """Ask for the end and return at once."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    async def stop(self) -> None:
        """End it and wait until it is gone."""
        self.ask_to_stop()
        for _ in range(int((self._grace + 15.0) / 0.02)):  # the supervisor itself waits 10 s after SIGKILL
            if self._process.poll() is not None:
                return
            await asyncio.sleep(0.02)
        raise NotReady(
            f"{self.name} (supervisor {self.pid}) does not end; its log is {self.log}", detail=tail(self.log)
        )
