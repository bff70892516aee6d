"""What the lab says while it works: a moving line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.status import Status


class Reporter(Protocol):
    """Where the lab says what it does."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def doing(self, text: str) -> None:
        """What is going on now. May be called as often as one likes."""

    def idle(self) -> None:
        """Nothing is going on: whoever prints by himself, or ends, says so first."""


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None: ...

    def doing(self, text: str) -> None: ...

    def idle(self) -> None: ...


class OnTerminal:
    """A spinner with what is going on, which the next lasting line replaces. rich colours it, and obeys NO_COLOR."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def say(self, text: str) -> None:
        self.idle()
        self._console.print(text, highlight=False, markup=False)

    def doing(self, text: str) -> None:
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(text)

    def idle(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class OnLines:
    """Plain lines for logs and pipes: what is going on is said again only every `every` seconds."""

    def __init__(self, console: Console, *, every: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._every = every
        self._clock = clock
        self._said_at: float | None = None

    def say(self, text: str) -> None:
        self._said_at = self._clock()
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def doing(self, text: str) -> None:
        if self._said_at is None or self._clock() - self._said_at >= self._every:
            self.say(text)

    def idle(self) -> None: ...


def reporter_on(console: Console) -> Reporter:
    """The reporter that suits `console`."""
    return OnTerminal(console) if console.is_terminal and not console.is_dumb_terminal else OnLines(console)
