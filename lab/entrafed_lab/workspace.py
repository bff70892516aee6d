"""The folder of one lab, by default `.lab`: what lies where, and whether a lab runs there."""

import asyncio
import json
import os
import shlex
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from .controlplane.errors import LabError
from .controlplane.locks import FileLock
from .controlplane.private_files import private_folder, write_private

STOP_WITHIN = 60.0  # seconds; every component has its own, shorter limit
LAST_STEPS = 2.0  # seconds that a process may take to end after it gave up its lock, if it is reaped at all


class State(StrEnum):
    """How far a lab is."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Running:
    """What a running lab tells other processes. Times are seconds since 1970."""

    pid: int
    state: State
    since: float
    server: str = ""
    issuer: str = ""


class Workspace:
    """The files of one lab. Whoever holds its lock *is* the lab: the lock ends with its process, however that ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.kubeconfig = self.directory / "kubeconfig"
        self.operator_kubeconfig = self.directory / "operator.kubeconfig"
        self.operator_api_token = self.directory / "operator-api-token"
        self.operator_token = self.directory / "operator-token"
        self.operator_address = self.directory / "operator-address"
        self.operator_lock = self.directory / "operator.lock"
        self.ca_bundle = self.directory / "ca.pem"
        self.env = self.directory / "env"
        self.azure_json = self.directory / "azure.json"
        self.azure = self.directory / "azure"
        self.manifests = self.directory / "manifests"
        self.logs = self.directory / "logs"
        self.operator_log = self.logs / "operator.log"
        self.pki = self.directory / "pki"
        self.kubectl_cache = self.directory / "kubectl-cache"
        self.programs = self.directory / "bin"
        self._state = self.directory / "lab.json"
        self.lock = FileLock(self.directory / "lock")

    def claim(self) -> None:
        """Become the lab of this folder. Raises `LabError` when another process is."""
        private_folder(self.directory)
        if not self.lock.acquire():
            raise LabError(f"a lab already runs in {self.directory}{self._whose()}: `entrafed-lab down` stops it")
        private_folder(self.logs)
        self.note(Running(os.getpid(), State.STARTING, time.time()))

    def leave(self) -> None:
        """Be the lab no longer."""
        self._state.unlink(missing_ok=True)
        self.lock.release()

    def note(self, running: Running) -> None:
        """Tell other processes."""
        write_private(self._state, json.dumps(asdict(running)))

    def running(self) -> Running | None:
        """The lab that runs here now; None when none does, or it has not said so yet."""
        if not self.lock.is_held:
            return None
        try:
            noted = json.loads(self._state.read_text())
        except FileNotFoundError:
            return None
        return Running(**{**noted, "state": State(noted["state"])})

    async def stop(self) -> bool:
        """End the lab that runs here and wait until everything of it is gone. False when none runs."""
        running = self.running()
        if running is None:
            return False
        # The lock is held, and only its holder writes the state: the id is that of the lab, not of some later process
        os.kill(running.pid, signal.SIGTERM)
        for _ in range(int(STOP_WITHIN / 0.1)):
            if not self.lock.is_held:
                await _gone(running.pid)
                return True
            await asyncio.sleep(0.1)
        raise LabError(f"the lab in {self.directory} (process {running.pid}) did not end in {STOP_WITHIN:.0f} s")

    def write_env(self, variables: Mapping[str, str]) -> None:
        """Shell exports; the lab's programs come first in PATH."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
        lines.append(f'export PATH={shlex.quote(str(self.programs))}:"$PATH"')
        write_private(self.env, "\n".join(lines) + "\n")

    def link_program(self, program: Path) -> None:
        """Have `program` in the lab's folder of programs."""
        self.programs.mkdir(exist_ok=True)
        link = self.programs / program.name
        link.unlink(missing_ok=True)
        link.symlink_to(program)

    def _whose(self) -> str:
        running = self.running()
        return f" (process {running.pid})" if running else ""


async def _gone(pid: int) -> None:
    """Wait for the end of a process that has nothing left to do. One that nobody reaps is not waited for longer."""
    for _ in range(int(LAST_STEPS / 0.02)):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.02)
