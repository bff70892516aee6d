"""The operator in the lab: `entrafed run` as a process, with the files that a lab writes for it and nothing more."""

import asyncio
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from .controlplane.component import Component, tail
from .controlplane.errors import LabError, NotReady
from .controlplane.locks import FileLock
from .controlplane.ports import free_port
from .controlplane.private_files import write_private
from .controlplane.progress import Reporter
from .workspace import Workspace

READY_WITHIN = 60.0  # seconds; 3 on an idle machine
POLL = 0.1  # seconds
WATCH_EVERY = 0.5  # seconds
GRACE = 6.0  # seconds; the operator itself ends within 5
LEAST_TIME_SCALE = 0.05  # of an operator whose Azure has no delays at all: an hour of resync is 3 min then
PROGRAM = Path(sys.executable).with_name("entrafed")


class OperatorProcess:
    """`async with OperatorProcess(files, report):` - ready inside, gone after. Raises `LabError`.

    One per lab: two would write side by side. It gets none of the caller's Azure variables. `delay_scale` is that of
    the simulated Azure: what waits for a faster Azure may wait less.
    """

    def __init__(
        self,
        files: Workspace,
        report: Reporter,
        *,
        delay_scale: float,
        ready_within: float = READY_WITHIN,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._files = files
        self._report = report
        self._time_scale = max(delay_scale, LEAST_TIME_SCALE)
        self._ready_within = ready_within
        self._environ = dict(os.environ if environ is None else environ)
        self._lock = FileLock(files.operator_lock)
        self._component: Component | None = None

    async def __aenter__(self) -> Self:
        if not PROGRAM.exists():
            raise LabError(f"{PROGRAM} is missing: install the package entrafed beside entrafed-lab")
        if not self._lock.acquire():
            raise LabError(f"an operator already runs for the lab in {self._files.directory}")
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stop()

    async def watch(self) -> None:
        """Wait for the unwished end of the operator, and raise `NotReady` with the end of its log."""
        while self._component is not None:
            self._component.require_running()
            await asyncio.sleep(WATCH_EVERY)

    async def _start(self) -> None:
        self._report.doing("starting the operator")
        address = f"127.0.0.1:{free_port(random.Random())}"  # noqa: S311 - chooses a port, not a secret
        log = self._files.operator_log
        log.unlink(missing_ok=True)
        component = self._component = Component.start(
            "entrafed run",
            [PROGRAM, "run", f"--kubeconfig={self._files.operator_kubeconfig}"],  # an argument: it tells whose it is
            log=log,
            environment=self._environment(address),
            grace=GRACE,
        )
        write_private(self._files.operator_address, address)
        try:
            async with asyncio.timeout(self._ready_within):
                while not await is_operator_ready(self._files):
                    component.require_running()
                    await asyncio.sleep(POLL)
        except TimeoutError:
            message = f"the operator was not ready after {self._ready_within:.0f} s; its log is {log}"
            raise NotReady(message, detail=tail(log, 5)) from None

    async def _stop(self) -> None:
        if self._component is not None:
            await self._component.stop()
            self._component = None
        self._files.operator_address.unlink(missing_ok=True)
        self._lock.release()

    def _environment(self, address: str) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in self._environ.items()
            if not name.startswith(("AZURE_", "ENTRAFED_", "IDENTITY_", "KUBE"))
        }
        return {
            **inherited,
            "ENTRAFED_ENTRA_TOKEN_FILE": str(self._files.operator_token),
            "ENTRAFED_CA_BUNDLE": str(self._files.ca_bundle),
            "ENTRAFED_ALLOW_ENDPOINTS": "true",
            "ENTRAFED_LISTEN": address,
            "ENTRAFED_TIME_SCALE": str(self._time_scale),
            "ENTRAFED_LOG_FORMAT": "console",
        }


def runs_operator(files: Workspace) -> bool:
    """Whether an operator runs for this lab, ready or not."""
    return FileLock(files.operator_lock).is_held


async def is_operator_ready(files: Workspace) -> bool:
    """What the operator's own readiness probe says."""
    try:
        address = files.operator_address.read_text()
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"http://{address}/readyz") as answer,
        ):
            return answer.status == 200
    except (FileNotFoundError, aiohttp.ClientError, TimeoutError):
        return False
