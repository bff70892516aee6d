"""The demo as its audience sees it: green once, and red for each claim that is made untrue while it runs."""

import asyncio
import os
import re
import signal
import subprocess
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from entrafed_lab.azure import ServiceName
from entrafed_lab.controlplane.progress import Silent
from entrafed_lab.demo import Check, Step
from entrafed_lab.lab import Lab, Parts, Wish
from entrafed_lab.operator_process import PROGRAM
from lab.controlplane.processes import mentioning

from .sabotage import SABOTAGES, Sabotage, fault

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.usefixtures("binaries"), pytest.mark.asyncio(loop_scope="module")]
EXPLANATION = "AADSTS700213: no federated identity credential has the token's subject"
PATIENCE = (4, 8, 16, 32)
"""Seconds for which a run of the demo waits for each thing; on a machine that is too busy for a few, for more."""
AtStep = Callable[[Step, Process], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Performance:
    """One run of the demo. `seconds` is how long it took."""

    code: int
    text: str
    seconds: float

    @property
    def seen(self) -> list[Check]:
        """What the summary ticks, in order."""
        summary = self.text.partition("\nSummary\n")[2]
        return [check for check in Check if f"✓ {check}\n" in summary]


async def perform(directory: Path, *options: str, at: AtStep) -> Performance:
    """Run the command, and press Enter for each step as soon as `at` has returned."""
    begun, shown = time.monotonic(), list[str]()
    process = await asyncio.create_subprocess_exec(
        PROGRAM.with_name("entrafed-lab"), "demo", "--pause", f"--dir={directory}", *options,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    async with asyncio.timeout(240):
        while line := (await process.stdout.readline()).decode():
            shown.append(line)
            announced = re.fullmatch(rf"\d+/{len(Step)}  (.*)\n", line)
            if announced:
                await at(Step(announced.group(1)), process)
                process.stdin.write(b"\n")
        code = await process.wait()
    return Performance(code, "".join(shown), time.monotonic() - begun)


async def test_the_demo_shows_all_that_it_claims_and_leaves_nothing_running(tmp_path: Path) -> None:
    steps: list[Step] = []

    async def note(step: Step, _: Process) -> None:
        steps.append(step)

    shown = await perform(tmp_path / "lab", at=note)
    assert (shown.code, shown.seen, steps) == (0, list(Check), list(Step)), shown.text
    assert shown.seconds < 180  # three times what is promised, for a busy machine
    assert "payments:batch" in shown.text
    assert EXPLANATION in shown.text
    assert mentioning(tmp_path) == set()


async def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    async def interrupt(step: Step, demo: Process) -> None:
        if step is Step.FEDERATION:
            demo.send_signal(signal.SIGINT)

    shown = await perform(tmp_path / "lab", at=interrupt)
    assert shown.code == 130, shown.text
    assert mentioning(tmp_path) == set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab in which the operator runs, shared by what follows: each run of the demo begins with tidying up."""
    wish = Wish(
        tmp_path_factory.mktemp("demo") / "lab",
        chart=ROOT / "charts/entrafed",
        crds=ROOT / "crds",
        parts=Parts.WITH_OPERATOR,
        delay_scale=0,
        rate_scale=0,
    )
    async with Lab(wish, Silent()) as lab:
        yield lab


@pytest.mark.parametrize("check", list(Check), ids=lambda check: check.name)
async def test_the_demo_fails_when_what_it_claims_is_not_so(lab: Lab, check: Check) -> None:
    before = list(Check)[: list(Check).index(check)]
    for seconds in PATIENCE:
        shown = await spoiled(lab, SABOTAGES[check], within=seconds)
        if shown.seen == before:
            break
    assert shown.seen == before, shown.text
    assert shown.code == 1, shown.text
    assert f"\nNot seen: {check}" in shown.text


async def spoiled(lab: Lab, sabotage: Sabotage, *, within: float) -> Performance:
    """A run of the demo with a sabotage, which is undone in the end."""
    async with AsyncExitStack() as undoing:

        async def spoil(step: Step, _: Process) -> None:
            if step is sabotage.before:
                await undoing.enter_async_context(sabotage.deed(lab))

        return await perform(lab.files.directory, f"--within={within}", at=spoil)


async def test_a_node_of_entra_that_has_not_heard_yet_is_not_taken_for_the_refusal(lab: Lab) -> None:
    unheard = fault(ServiceName.LOGIN, "POST", status=401, code="AADSTS700211", times=3)
    async with AsyncExitStack() as undoing:

        async def lag(step: Step, _: Process) -> None:
            if step is Step.OTHERS:
                await undoing.enter_async_context(unheard(lab))

        shown = await perform(lab.files.directory, at=lag)
    assert shown.code == 0, shown.text
    assert EXPLANATION in shown.text
