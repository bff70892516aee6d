"""Locks between processes, held by the kernel: they end with their holder, however it dies."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import LabError


class FileLock:
    """An exclusive lock on a file, which need not exist. The file stays behind: removing it would let two hold it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody holds it. Never waits."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def is_held(self) -> bool:
        """Whether somebody holds it now."""
        if not self.path.exists():
            return False
        if self.acquire():
            self.release()
            return False
        return True

    def __enter__(self) -> Self:
        if not self.acquire():
            raise LabError(f"{self.path} is held by another process")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


@asynccontextmanager
async def waiting_for(lock: FileLock, *, within: float, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold `lock`, waiting for it at most `within` seconds; `on_wait` is called once a second meanwhile."""
    for _ in range(max(1, int(within))):
        if lock.acquire():
            break
        on_wait()
        await asyncio.sleep(1)
    else:
        raise LabError(
            f"{lock.path} has been held by another process for {within:.0f} s; end that process and try again"
        )
    try:
        yield
    finally:
        lock.release()
