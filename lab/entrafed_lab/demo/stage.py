"""Where the demo is shown: steps, commands, what was seen, waiting, and the summary at the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from entrafed_lab.controlplane.progress import reporter_on

from .checks import Check, Step

POLL = 0.25  # seconds
SAID_AFTER = 1.0  # seconds of waiting; what is quicker needs no words
Found = TypeVar("Found")
Pause = Callable[[Step], Awaitable[None]]
"""Called before each step begins."""


class NotSeen(Exception):
    """A check was not seen; the text says what was seen instead."""


class NotYet(Exception):
    """Looked, and it is not so yet; the text says what was seen."""


async def no_pause(_: Step) -> None:
    """Go on at once."""


class Stage:
    """`within` is how many seconds each thing is waited for."""

    def __init__(self, console: Console, *, within: float, pause: Pause = no_pause) -> None:
        self.within = within
        self.report = reporter_on(console)
        self._console = console
        self._pause = pause
        self._seen: set[Check] = set()
        self._begun = time.monotonic()

    async def begin(self, step: Step) -> None:
        """Announce a step, and begin it when the audience is ready."""
        self._print(f"\n[bold]{list(Step).index(step) + 1}/{len(Step)}  {escape(step)}[/bold]")
        await self._pause(step)

    def say(self, text: str) -> None:
        """One line about what is shown."""
        self._print(f"     {escape(text)}")

    def command(self, words: str) -> None:
        """A command as a user would type it."""
        self._print(f"     [cyan]$ {escape(words)}[/cyan]")

    def output(self, text: str) -> None:
        """What a command printed, or a file holds."""
        for line in text.rstrip().splitlines():
            self._print(f"       [dim]{escape(line)}[/dim]")

    def require(self, check: Check, holds: bool, seen: str) -> None:
        """Have seen a check, or not: raises `NotSeen`. `seen` is what there is to see, in either case."""
        if not holds:
            raise NotSeen(f"{check}. Seen instead: {seen}")
        self._seen.add(check)
        self._print(f"   [green]✓[/green] {escape(check)}: {escape(seen)}")

    async def until(self, check: Check, look: Callable[[], Awaitable[Found]], *, waiting: str) -> Found:
        """What `look` finds, tried again for as long as it raises `NotYet`. Raises `NotSeen`."""
        begun = time.monotonic()
        while True:
            try:
                return await look()
            except NotYet as not_yet:
                waited = time.monotonic() - begun
                if waited > self.within:
                    raise NotSeen(f"{check}, within {self.within:g} s. Seen instead: {not_yet}") from None
                if waited > SAID_AFTER:
                    self.report.doing(f"{waiting}, {waited:.0f} s so far ({not_yet})")
            await asyncio.sleep(POLL)

    def sum_up(self, failure: str | None) -> bool:
        """Say what was seen and what was not; whether that is all."""
        self._print("\n[bold]Summary[/bold]")
        for check in Check:
            mark = "[green]✓[/green]" if check in self._seen else "[red]✗[/red]"
            self._print(f"   {mark} {escape(check)}")
        complete = failure is None and self._seen == set(Check)
        colour = "green" if complete else "red"
        took = time.monotonic() - self._begun
        self._print(f"[{colour}]{len(self._seen)} of {len(Check)} were seen, in {took:.0f} s.[/{colour}]")
        if failure is not None:
            self._print(f"[red]Not seen: {escape(failure)}[/red]")
        return complete

    def _print(self, text: str) -> None:
        self.report.idle()
        self._console.print(text, highlight=False, soft_wrap=True)
