"""A lab that outlives the shell command which started it."""

import asyncio
import subprocess
import sys

from .controlplane.component import tail
from .controlplane.errors import NotReady
from .controlplane.progress import Reporter
from .lab import Parts, Wish
from .workspace import STOP_WITHIN, State, Workspace

START_WITHIN = 3600.0  # seconds; the first start may build the control plane
POLL = 0.2  # seconds


def arguments_of(wish: Wish) -> list[str]:
    """The options of `up` that say the same as `wish`."""
    options = {
        "--dir": wish.directory,
        "--chart": wish.chart,
        "--values": wish.values,
        "--crds": wish.crds,
        "--kubeconfig": wish.kubeconfig,
        "--seed": wish.seed,
        "--delay-scale": wish.delay_scale,
        "--rate-scale": wish.rate_scale,
    }
    named = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    flags = {Parts.BOTH: [], Parts.KUBERNETES_ONLY: ["--kubernetes-only"], Parts.WITH_OPERATOR: ["--operator"]}
    return named + flags[wish.parts]


async def start_detached(wish: Wish, report: Reporter) -> int:
    """Start the lab in a session of its own; its process id, once it is ready. Raises `NotReady` if it ends before.

    Whoever does not wait for that, cancels it: nothing is left then.
    """
    files = Workspace(wish.directory)
    process = _spawn(wish, files)
    try:
        await _until_ready(process, files, report)
    except BaseException:
        process.terminate()
        await asyncio.to_thread(process.wait, STOP_WITHIN)
        raise
    return process.pid


async def _until_ready(process: "subprocess.Popen[bytes]", files: Workspace, report: Reporter) -> None:
    log = files.logs / "up.log"
    for _ in range(int(START_WITHIN / POLL)):
        running = files.running()
        if running is not None and running.pid == process.pid and running.state is State.READY:
            return
        if process.poll() is not None:
            raise NotReady(f"the lab ended with code {process.returncode} while starting", detail=tail(log))
        last = tail(log, 1)
        if last:
            report.doing(last)
        await asyncio.sleep(POLL)
    raise NotReady(f"the lab was not ready after {START_WITHIN:.0f} s; its log is {log}", detail=tail(log))


def _spawn(wish: Wish, files: Workspace) -> "subprocess.Popen[bytes]":
    files.logs.mkdir(parents=True, exist_ok=True)
    with (files.logs / "up.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - this very command, no shell
            [sys.executable, "-m", "entrafed_lab", "up", *arguments_of(wish)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
