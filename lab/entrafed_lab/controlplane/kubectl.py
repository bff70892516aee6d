"""kubectl as the lab runs it: a real one, as a user would."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import KubectlError


class Kubectl:
    """Runs kubectl with one kubeconfig. Holds no loop and no process: may be used from anywhere, at the same time."""

    def __init__(self, program: Path, kubeconfig: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.program = program
        self.kubeconfig = kubeconfig
        self._environment = dict(os.environ if environment is None else environment)

    def with_kubeconfig(self, kubeconfig: Path) -> "Kubectl":
        """The same kubectl as somebody else."""
        return Kubectl(self.program, kubeconfig, environment=self._environment)

    async def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 60.0) -> str:  # noqa: ASYNC109 - bounds the process, and its message names the command
        """What kubectl prints on stdout. Raises `KubectlError` when it fails or takes longer than `timeout` seconds."""
        shown = f"kubectl {' '.join(arguments)}"
        process = await asyncio.create_subprocess_exec(
            self.program,
            f"--kubeconfig={self.kubeconfig}",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(None if stdin is None else stdin.encode())
        except TimeoutError:
            raise KubectlError(f"{shown} took longer than {timeout:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise KubectlError(f"{shown} ended with code {process.returncode}", detail=err.decode().strip())
        return out.decode()

    async def apply(self, manifests: str) -> str:
        """Server-side apply of YAML or JSON text."""
        return await self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests)

    async def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json`, parsed."""
        found: dict[str, Any] = json.loads(await self("get", *arguments, "-o", "json"))
        return found
