"""The command `entrafed-lab`."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from .controlplane.binaries import ProgramStore
from .controlplane.errors import LabError
from .controlplane.progress import Reporter, reporter_on
from .detached import start_detached
from .lab import Lab, Parts, Wish
from .workspace import State, Workspace

NOT_RUNNING = 3  # exit code of `status`, as of an init script's
INTERRUPTED = 130  # what shells give for SIGINT
Result = TypeVar("Result")

app = typer.Typer(
    name="entrafed-lab",
    help="A real Kubernetes control plane and a simulated Azure on this machine: no cluster, no cloud account.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
answers = Console()
messages = Console(stderr=True)

Directory = Annotated[Path, typer.Option("--dir", help="Folder of the lab.", file_okay=False)]


class Output(StrEnum):
    """Formats of an answer."""

    TEXT = "text"
    JSON = "json"


UP_EXAMPLES = """
**Examples**

- `entrafed-lab up --crds crds --chart charts/entrafed` then, in another shell, `eval "$(entrafed-lab env)"`
- `entrafed-lab up --detach` starts it in the background; `entrafed-lab down` ends it
- `entrafed-lab up --kubeconfig ~/.kube/config` uses your own cluster instead of starting one
- `KUBEBUILDER_ASSETS=/usr/local/kubebuilder/bin entrafed-lab up` uses programs that you have
"""


@app.command(epilog=UP_EXAMPLES)
def up(  # noqa: PLR0917 - typer makes an option of each; nobody calls it by position
    directory: Directory = Path(".lab"),
    chart: Annotated[
        Path | None, typer.Option(help="The operator's chart: gives the operator's account exactly the chart's rights.")
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(help="Values of the chart, such as rights that it gives on request (YAML).", exists=True),
    ] = None,
    crds: Annotated[Path | None, typer.Option(help="Folder of CRDs to install.", exists=True)] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            help="Use this cluster instead of starting one; what is installed there stays.", exists=True, dir_okay=False
        ),
    ] = None,
    seed: Annotated[
        Path | None, typer.Option(help="What the simulated Azure holds at first (YAML).", exists=True)
    ] = None,
    delay_scale: Annotated[
        float,
        typer.Option(min=0, help="Multiplies the simulated Azure's delays, such as 20 s of propagation; 0: none."),
    ] = 1.0,
    rate_scale: Annotated[
        float, typer.Option(min=0, help="Multiplies the requests that the simulated Azure takes; 0: no throttling.")
    ] = 1.0,
    kubernetes_only: Annotated[bool, typer.Option("--kubernetes-only", help="Do not simulate Azure.")] = False,
    operator: Annotated[
        bool, typer.Option("--operator", help="Run `entrafed run` too; it needs the CRDs and the chart.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready, and let it run.")] = False,
) -> None:
    """Start the lab, and stay until Ctrl-C or `entrafed-lab down`."""
    report = reporter_on(messages)
    if kubernetes_only and operator:
        raise typer.BadParameter("the operator needs the simulated Azure: leave --kubernetes-only out")
    parts = Parts.KUBERNETES_ONLY if kubernetes_only else Parts.WITH_OPERATOR if operator else Parts.BOTH
    wish = Wish(
        directory,
        chart=chart,
        values=values,
        crds=crds,
        kubeconfig=kubeconfig,
        seed=seed,
        parts=parts,
        delay_scale=delay_scale,
        rate_scale=rate_scale,
    )
    raise typer.Exit(asyncio.run((_detach if detach else _serve)(wish, report)))


@app.command(epilog="**Example**: `entrafed-lab demo --pause`, before an audience. Exit code 0: everything was seen.")
def demo(  # noqa: PLR0917 - as above
    directory: Directory = Path(".lab"),
    chart: Annotated[Path, typer.Option(help="The operator's chart.", exists=True)] = Path("charts/entrafed"),
    crds: Annotated[Path, typer.Option(help="Folder of the CRDs.", exists=True)] = Path("crds"),
    delay_scale: Annotated[
        float, typer.Option(min=0, help="Multiplies the simulated Azure's delays, such as 20 s of propagation.")
    ] = 0.25,
    within: Annotated[float, typer.Option(min=1, help="Seconds to wait for each thing.")] = 60.0,
    pause: Annotated[bool, typer.Option("--pause", help="Begin each step when Enter is pressed.")] = False,
) -> None:
    """Show the product at work, and check everything that is shown. Uses the lab of the folder if one runs."""
    from .demo import Stage, no_pause, play  # noqa: PLC0415 - azure-identity takes half a second, needed here only
    from .demo.audience import until_enter  # noqa: PLC0415

    logging.getLogger("azure").setLevel(logging.CRITICAL)  # its warnings repeat what the demo tells
    wish = Wish(directory, chart=chart, crds=crds, delay_scale=delay_scale)
    stage = Stage(answers, within=within, pause=until_enter if pause else no_pause)
    complete = asyncio.run(_until_signalled(play(wish, stage)))
    stage.report.idle()
    if complete is None:
        stage.report.say("interrupted; what was started has ended")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if complete else 1)


@app.command(epilog="**Example**: `entrafed-lab down --dir .lab`")
def down(directory: Directory = Path(".lab")) -> None:
    """End the lab of a folder, and wait until everything of it is gone."""
    stopped = asyncio.run(Workspace(directory).stop())
    reporter_on(messages).say("the lab has ended" if stopped else f"no lab runs in {directory}")


@app.command(epilog="**Example**: `entrafed-lab status -o json | jq -r .issuer`. Exit code 3 means: not running.")
def status(
    directory: Directory = Path(".lab"),
    output: Annotated[Output, typer.Option("--output", "-o", help="text or json")] = Output.TEXT,
) -> None:
    """Say whether the lab runs, and where its parts are."""
    files = Workspace(directory)
    running = files.running()
    told: dict[str, object] = {"directory": str(files.directory), "state": State.STOPPED.value}
    if running is not None:
        told |= asdict(running) | {"kubeconfig": str(files.kubeconfig), "azure": str(files.azure_json)}
    if output is Output.JSON:
        answers.print_json(json.dumps(told))
    else:
        for name, value in told.items():
            answers.print(f"{name:<11} {value}", highlight=False, markup=False, soft_wrap=True)
    if running is None:
        raise typer.Exit(NOT_RUNNING)


@app.command(epilog='**Example**: `eval "$(entrafed-lab env)"`, then `kubectl get mif -A`')
def env(directory: Directory = Path(".lab")) -> None:
    """Print the shell exports that point kubectl and the Azure SDKs at the lab."""
    try:
        exports = Workspace(directory).env.read_text()
    except FileNotFoundError:
        raise LabError(f"{directory} holds no lab yet: start one with `entrafed-lab up`") from None
    answers.out(exports, end="", highlight=False)


@app.command(epilog="**Example**: `entrafed-lab build` before the tests, which have a time limit each.")
def build() -> None:
    """Have the control plane's programs ready: found, or built once (about 8 minutes on 2 cores)."""
    found = asyncio.run(ProgramStore(report=reporter_on(messages)).control_plane())
    for path in (found.etcd, found.kube_apiserver, found.kube_controller_manager, found.kubectl):
        answers.print(str(path), highlight=False, markup=False, soft_wrap=True)


async def _serve(wish: Wish, report: Reporter) -> int:
    """Run the lab until a signal, and give the exit code: 0 for a lab that was ready, 130 for one still starting."""
    ready = asyncio.Event()
    await _until_signalled(_run(wish, report, ready))
    report.say("the lab has ended")
    return 0 if ready.is_set() else INTERRUPTED


async def _detach(wish: Wish, report: Reporter) -> int:
    """Start the lab in the background, and give the exit code: 130 if a signal came first, and ended what had begun."""
    pid = await _until_signalled(start_detached(wish, report))
    if pid is None:
        report.say("the lab has ended")
        return INTERRUPTED
    report.say(f"the lab runs in the background (process {pid}); `entrafed-lab down --dir {wish.directory}` ends it")
    return 0


async def _until_signalled(work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of `work`; None when a signal ended it. Further signals change nothing, not even the exit code: it is
    being ended already, or has ended, and this process is about to."""
    working, signalled = asyncio.create_task(work), asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop() -> None:
        if not signalled.is_set():
            signalled.set()
            working.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        return await working
    except asyncio.CancelledError:
        return None
    finally:
        if signalled.is_set():
            for number in numbers:
                loop.remove_signal_handler(number)  # closing the loop would do so, and leave the default
                signal.signal(number, signal.SIG_IGN)


async def _run(wish: Wish, report: Reporter, ready: asyncio.Event) -> None:
    async with Lab(wish, report) as lab:
        report.say(f"the lab is ready; in another shell: source {lab.files.env}")
        if wish.parts is Parts.WITH_OPERATOR:
            report.say(f"and then for instance: kubectl apply -f {lab.files.manifests}; kubectl get mif -A")
        ready.set()
        await lab.watch()


def main() -> None:
    """Run the command; what goes wrong is told in words, with the traceback only after ENTRAFED_LAB_DEBUG=1."""
    try:
        app(prog_name="entrafed-lab")
    except (LabError, OSError) as error:
        if os.environ.get("ENTRAFED_LAB_DEBUG"):
            raise
        messages.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
