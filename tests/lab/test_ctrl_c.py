"""Ctrl-C on `entrafed-lab up`, as a terminal sends it: to the whole process group, as often as it is pressed."""

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from entrafed_lab.controlplane.ports import is_free
from entrafed_lab.operator_process import PROGRAM
from entrafed_lab.workspace import Workspace

from .controlplane.processes import listening, mentioning, until

pytestmark = pytest.mark.usefixtures("binaries")  # built before, lest a test waits for it

ROOT = Path(__file__).parents[2]
ALL_OF_IT = ("--operator", f"--crds={ROOT / 'crds'}", f"--chart={ROOT / 'charts/entrafed'}", "--delay-scale=0")
BETWEEN_PRESSES = 0.02  # seconds


@asynccontextmanager
async def starting(directory: Path, *options: str) -> AsyncIterator[Process]:
    """`entrafed-lab up` with all its parts, in a process group of its own; what it says is on its stdout."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM.with_name("entrafed-lab"), "up", *ALL_OF_IT, *options, f"--dir={directory}",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(180):
            yield process
    finally:
        if process.returncode is None:
            process.kill()  # what it has started ends with it
        await process.wait()


async def press_until_it_ends(process: Process) -> str:
    """Press Ctrl-C again and again; what the process still says. Without a second press, it might get away with it."""
    ended = asyncio.create_task(process.communicate())
    presses = 0
    while not ended.done():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
            presses += 1
        await asyncio.wait({ended}, timeout=BETWEEN_PRESSES)
    assert presses > 2
    return (await ended)[0].decode()


async def are_let_go(ports: set[int]) -> bool:
    """Whether all of them are free, at once or when a connection of somebody else's that goes out from one has ended:
    the system gives the ports of the simulated Azure to those as well."""
    return await asyncio.to_thread(until, lambda: all(is_free(port) for port in ports), within=60)


async def test_ctrl_c_ends_everything_and_pressed_again_does_no_harm(tmp_path: Path) -> None:
    async with starting(tmp_path / "lab") as process:
        assert process.stdout
        while b"the lab is ready" not in (line := await process.stdout.readline()):
            assert line, "it ended before it was ready"
        running = mentioning(tmp_path)
        ports = listening(running)
        assert len(running) == 9  # the launcher and four programs, each of these with its supervisor
        assert len(ports) >= 11  # etcd has two, the API server and the operator one each, Azure seven
        said = await press_until_it_ends(process)
    assert process.returncode == 0, said
    assert said.endswith("the lab has ended\n")
    assert mentioning(tmp_path) == set()
    assert await are_let_go(ports)
    assert Workspace(tmp_path / "lab").running() is None


@pytest.mark.parametrize("options", [(), ("--detach",)], ids=["in front", "in the background"])
async def test_ctrl_c_while_it_starts_ends_what_runs_already(tmp_path: Path, options: tuple[str, ...]) -> None:
    async with starting(tmp_path / "lab", *options) as process:
        assert await asyncio.to_thread(until, lambda: len(mentioning(tmp_path / "lab" / "etcd")) > 0, within=60)
        ports = listening(mentioning(tmp_path))
        said = await press_until_it_ends(process)
    assert process.returncode == 130, said
    assert said.endswith("the lab has ended\n")
    assert mentioning(tmp_path) == set()
    assert await are_let_go(ports)
