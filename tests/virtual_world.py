"""The engine over the real SDK adapters, in front of a simulated Azure, in virtual time: durations and rates as they
are, without the waiting. For tests marked `looptime`, and for `bench`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trustme

from crash.virtual_time import VirtualClock
from engine_world import EngineWorld, new_world
from entrafed.azure import BudgetSettings
from entrafed_lab.azure import Delays, KeyRing, Rates, Seed, SimulatedAzure, Variants, default_seed
from lab_fixtures import CLUSTER_ISSUER, OPERATOR_SUBJECT

TOKENS_LIVE = 1_000_000  # seconds; longer than anything here takes, since the SDK judges tokens by the machine's clock


@asynccontextmanager
async def virtual_world(
    directory: Path,
    *,
    ca: trustme.CA | None = None,
    keys: KeyRing | None = None,
    delays: Delays | None = None,
    rates: Rates | None = None,
    variants: Variants | None = None,
    budgets: BudgetSettings | None = None,
    seed: Seed | None = None,
) -> AsyncIterator[EngineWorld]:
    """A world whose `azure` has the default seed and, unless told otherwise, neither delays nor throttling."""
    clock = VirtualClock()
    azure = SimulatedAzure(
        seed=(seed or default_seed()).trusting_operator(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT, held=True),
        ca=ca,
        keys=keys,
        delays=delays or Delays.none(),
        rates=rates or Rates.off(),
        variants=variants,
        clock=clock.now,
        token_lifetime=TOKENS_LIVE,
    )
    async with azure:
        token = directory / "operator-token"
        token.write_text(azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT, lifetime=float(TOKENS_LIVE)))
        yield await new_world(azure, token, scale=1.0, clock=clock, budgets=budgets or BudgetSettings())


async def until(holds: Callable[[], object], within: float) -> None:
    """Wait until something holds; `within` is in virtual seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not holds():
        assert loop.time() < deadline, "did not come to hold"
        await asyncio.sleep(0.5)
