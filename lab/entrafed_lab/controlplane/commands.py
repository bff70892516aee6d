"""Commands that the lab waits for: supervised like everything else, so that none outlives the lab."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .component import supervised

KEPT_LINES = 30
TICK = 1.0  # seconds between two calls of `on_tick`


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit code, its stdout, and the last lines that it printed on stderr."""

    code: int
    out: str
    err: str

    @property
    def is_success(self) -> bool:
        return self.code == 0


async def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    directory: Path | None = None,
    within: float,
    on_line: Callable[[str], None] = lambda line: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run `command` for at most `within` seconds (`TimeoutError` after that).

    `on_line` gets each line of stderr, `on_tick` is called about once a second.
    """
    process = await asyncio.create_subprocess_exec(
        *supervised(command, grace=2.0),
        stdin=asyncio.subprocess.PIPE,  # its end of file is what ends the command, should this process die
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
        env=dict(environment),
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("a process was started without its pipes")
    kept: deque[str] = deque(maxlen=KEPT_LINES)

    async def read_lines(stream: asyncio.StreamReader) -> None:
        while raw := await stream.readline():
            line = raw.decode(errors="replace").rstrip()
            kept.append(line)
            on_line(line)

    async def tick() -> None:
        while True:
            on_tick()
            await asyncio.sleep(TICK)

    ticking = asyncio.create_task(tick())
    try:
        async with asyncio.timeout(within):
            out, _ = await asyncio.gather(process.stdout.read(), read_lines(process.stderr))
            code = await process.wait()
    finally:
        ticking.cancel()
        process.stdin.close()
        await process.wait()
    return Outcome(code, out.decode(errors="replace"), "\n".join(kept))
