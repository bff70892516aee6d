"""`entrafed run` as a process, on a real API server with exactly the chart's rights."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import trustme

from entrafed.api.metadata import CONNECTIONS, FEDERATIONS
from entrafed_lab.controlplane import Kubectl, KubectlError
from kube_world import SYSTEM, Cluster

PROGRAM = Path(sys.executable).with_name("entrafed")
PATIENCE = 60.0  # seconds; far more than anything takes, so that a busy machine breaks no test
POLL = 0.02  # seconds
ENDS_WITHIN = 15.0  # seconds from SIGTERM: three times what is promised, for a busy machine


class Operator:
    """`entrafed run`, which may be killed, ended and started again. What all its lives print is in one file."""

    def __init__(self, cluster: Cluster, directory: Path, settings: dict[str, str]) -> None:
        self._cluster = cluster
        self.token_file = directory / "entra-token"
        self.output_file = directory / "output"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ENTRAFED_", "AZURE_"))},
            "ENTRAFED_KUBECONFIG": str(cluster.kubeconfig),
            "ENTRAFED_ENTRA_TOKEN_FILE": str(self.token_file),
            "ENTRAFED_ALLOW_ENDPOINTS": "true",
            "ENTRAFED_LISTEN": "127.0.0.1:0",
            "ENTRAFED_LOG_LEVEL": "debug",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._born_at = 0  # bytes of the output that earlier lives left

    async def sign_in(self) -> None:
        """A new token of the operator's service account, as kubelet projects it."""
        token = await self._cluster.plane.kubectl(
            "create", "token", "entrafed", "--namespace", SYSTEM, "--audience=api://AzureADTokenExchange"
        )
        self.token_file.write_text(token)

    def start(self) -> None:
        self.kill()
        self.output_file.touch()
        self._born_at = self.output_file.stat().st_size
        with self.output_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [PROGRAM, "run"], env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        self._end(signal.SIGKILL)

    async def end(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds that it took."""
        started = time.monotonic()
        return await asyncio.to_thread(self._end, signal.SIGTERM), time.monotonic() - started

    async def is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.output[self._born_at :]
        with contextlib.suppress(aiohttp.ClientError):  # it is just being killed
            return self._listen is not None and (await self._ask("/readyz"))[0] == 200
        return False

    async def until_ready(self) -> None:
        await until(self.is_ready, "the operator ready")

    async def metrics(self) -> str:
        return (await self._ask("/metrics"))[1]

    async def until_metric(self, line: str) -> None:
        """Wait for a line of the metrics: what is counted follows what is done, and not the other way round."""

        async def is_shown() -> bool:
            return line in (await self.metrics()).splitlines()

        await until(is_shown, f"{line} in the metrics")

    @property
    def resident(self) -> float:
        """Resident memory, in MiB."""
        assert self._process
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    @property
    def output(self) -> str:
        """All that it has written to stdout and stderr, in all its lives."""
        return self.output_file.read_text()

    @property
    def _listen(self) -> str | None:
        with self.output_file.open() as output:
            output.seek(self._born_at)
            lines = (json.loads(line) for line in output if line.endswith("}\n"))
            return next((line["listen"] for line in lines if line["event"] == "started"), None)

    async def _ask(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self._listen}{path}") as answer:
            return answer.status, await answer.text()

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(PATIENCE)


StartOperator = Callable[..., Awaitable[Operator]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def start_operator(
    cluster: Cluster, azure_ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StartOperator]:
    """`operator = await start_operator(time_scale=0.02)`: one for the tests of a module, gone after them.

    It begins in a cluster without objects of our kinds, and trusts every simulated Azure.
    """
    directory = tmp_path_factory.mktemp("operator")
    azure_ca.cert_pem.write_to_path(directory / "ca.pem")
    started: list[Operator] = []

    async def start(**settings: object) -> Operator:
        given = {f"ENTRAFED_{name.upper()}": str(value) for name, value in settings.items()}
        operator = Operator(cluster, directory, {"ENTRAFED_CA_BUNDLE": str(directory / "ca.pem"), **given})
        started.append(operator)
        await clear(cluster.plane.kubectl)
        await operator.sign_in()
        operator.start()
        return operator

    yield start
    for operator in started:
        operator.kill()


async def clear(kubectl: Kubectl) -> None:
    """Remove every object of our kinds, whoever wants to clean up first."""
    for plural, scope in ((FEDERATIONS, ["--all-namespaces"]), (CONNECTIONS, [])):
        await kubectl("delete", plural, "--all", *scope, "--wait=false")
        for held in (await kubectl.get(plural, *scope))["items"]:
            await release(kubectl, plural, held["metadata"])


async def release(kubectl: Kubectl, plural: str, metadata: dict[str, Any]) -> None:
    """Let an object that is being deleted go."""
    scope = ["--namespace", metadata["namespace"]] if "namespace" in metadata else []
    patch = '--patch={"metadata":{"finalizers":null}}'
    with contextlib.suppress(KubectlError):  # it has gone in between
        await kubectl("patch", plural, metadata["name"], *scope, "--type=merge", patch)


async def until(holds: Callable[[], Awaitable[bool]], wanted: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110 - another process sets no event here
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise AssertionError(f"not {wanted}") from None
