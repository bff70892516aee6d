"""Whatever users, other people and bad luck do to the process on a real API server: when everything rests, status is
true to Azure, a second pass writes nothing, nothing of others was touched, and in the end nothing of ours is left.

The acts, the book and the truth are those of `tests/sequences`, where far more is played in less time. A sequence that
fails is printed as it can be played again: put it in place of `drawn(part)`.
"""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from hypothesis import HealthCheck, Phase, given, seed, settings

from entrafed.api.federation import parse_federation
from entrafed_lab.azure import Delays, Rates
from gitops import SAME, argo_health, flux_status
from kstatus import kstatus
from kube_passage import passage
from kube_world import Cluster
from lab_fixtures import OPERATOR_SUBJECT, StartAzure
from manifests import Manifest
from operator_process import StartOperator
from sequences import cast
from sequences.acts import Burst, Delete, Label, Rules
from sequences.cast import CONNECTIONS, NAMESPACES, SLOTS, Slot
from sequences.drawing import sequences
from sequences.figures import STEPS
from sequences.life import NeverAtRest
from sequences.on_api_server import SCALE, SETTINGS, OnApiServer, cluster_id
from sequences.play import Play
from sequences.stage import SETTLED, second_pass, told, wrong_requests
from sequences.truth import incoherent, untruths

PARTS, PART = 2, 100
"""How many sequences, and how many steps of each can be done at least."""
BURSTS, FEWEST_STEPS, MOST_STEPS = 4, 36, 44
LONGEST = 60.0  # seconds that an outage or a wait lasts, before they are scaled
SOON = 3.0  # seconds: the time of a refusal is told in whole ones
LAGGING = Delays(propagation=0.0, negative_cache=0.0, key_cache=0.0, scale=SCALE)


def drawn(part: int) -> list[Burst]:
    """The sequence of a part: always the same."""
    found: list[list[Burst]] = []

    @seed(part)
    @settings(
        max_examples=4,  # the first ones are simple
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences(BURSTS, MOST_STEPS, fewest_steps=FEWEST_STEPS, longest=LONGEST))
    def draw(sequence: list[Burst]) -> None:
        found.append(sequence)

    draw()
    beginning, first, *others = found[-1]
    return [beginning + first, *others]


@pytest_asyncio.fixture
async def ground(
    cluster: Cluster, azure_ca: trustme.CA, start_azure: StartAzure, start_operator: StartOperator, tmp_path: Path
) -> AsyncIterator[OnApiServer]:
    """An operator that just started, two connections that allow everything, namespaces, and an Azure with limits."""
    plane = cluster.plane
    seeded = cast.seed().trusting_operator(issuer=plane.url, subject=OPERATOR_SUBJECT)
    azure = await start_azure(
        seed=seeded, trusted_issuer_cas=(plane.ca_path,), delays=LAGGING, rates=Rates(scale=1 / SCALE)
    )
    async with passage(cluster, azure_ca, tmp_path) as way:
        operator = await start_operator(kubeconfig=way.kubeconfig, **SETTINGS)
        made = OnApiServer(cluster, await cluster_id(plane.kubectl), way, operator, azure)
        async with made.watching():
            yield made
        operator.kill()


class Performance:
    """One sequence as it is played."""

    def __init__(self, ground: OnApiServer) -> None:
        self.ground = ground
        self.play = Play(ground)
        self.steps = 0
        self._played: list[Burst] = []
        self._problems: list[str] = []
        self._denied_since: dict[tuple[str, str], float] = {}
        ground.watcher = self._look

    async def begin(self) -> None:
        for namespace in NAMESPACES:
            await self.play.perform(Label(namespace, labelled=False))
        for connection in CONNECTIONS:
            await self.play.perform(Rules(connection, "everything"))

    async def through(self, burst: Burst) -> None:
        """Play it, and judge when all rests."""
        self._played.append(burst)
        self.steps += await self.play.through(burst)
        await self._rest()
        if not self._problems:
            self._problems += await second_pass(self.play)
        self._require_nothing_wrong()

    async def close(self) -> None:
        """Everybody leaves, and nothing of ours stays."""
        for connection in CONNECTIONS:
            await self.play.perform(Rules(connection, "everything"))
        for slot in SLOTS:
            await self.play.perform(Delete(slot))
        await self._rest()
        self._require_nothing_wrong()
        await self.ground.leave()
        await self.play.end()

    async def _rest(self) -> None:
        """Have all looked at, and wait until that is done and the statuses are true."""
        play, ground = self.play, self.ground
        await play.calm()
        await play.wait(SETTLED)
        for slot in SLOTS:
            await play.look_again(slot)
        try:
            await play.rest(lambda: play.is_heard() and not self._is_revocation_due() and not self._untruths())
        except NeverAtRest:
            heard = "" if play.is_heard() else ", and not every request was heard"
            self._problems += [f"it never came to rest{heard}", *self._untruths()]
            self._problems += [f"{slot} says {one.status.conditions}" for slot, one in play.book.living().items()]
        may_collide = play.is_unseen or play.is_disturbed
        self._problems += wrong_requests(ground.azure.log, cluster=ground.cluster, may_collide=may_collide)
        play.is_unseen = play.is_disturbed = False

    def _untruths(self) -> list[str]:
        self.play.book.keep()
        return list(untruths(self.play.book, self._denied_since))

    def _is_revocation_due(self) -> bool:
        """Whether something is about to be removed, or may just have been."""
        until = self.ground.clock.now() - self.ground.revocation_delay - SOON
        return any(since > until for since in self.play.book.refusals())

    def _require_nothing_wrong(self) -> None:
        wrong = [*self._problems, *(f"the API server does not allow {one}" for one in self.ground.refused)]
        wrong += [str(line) for line in self.ground.operator.output.splitlines() if '"unexpected"' in line]
        assert not wrong, told(self._played, wrong)

    def _look(self, slot: Slot, body: Manifest) -> None:
        """Every version that anybody sees makes sense, to tools as well."""
        seen = parse_federation(body)
        if seen.status.observed_generation < 0:
            return
        found = [*incoherent(seen)]
        status, health = kstatus(body), argo_health(body)[0]
        if flux_status(body) is not status or health not in SAME[status]:
            found.append(f"kstatus says {status}, Flux {flux_status(body)}, Argo CD {health}")
        self._problems += [f"{slot} at some time: {problem} of {json.dumps(body)}" for problem in found]


@pytest.mark.timeout(900)  # seconds; a busy machine takes two minutes for a part
@pytest.mark.parametrize("part", range(PARTS))
async def test_everything_is_true_when_it_rests(
    part: int, ground: OnApiServer, record_property: Callable[[str, object], None]
) -> None:
    performance = Performance(ground)
    await performance.begin()
    try:
        for burst in drawn(part):
            await performance.through(burst)
        await performance.close()
    finally:
        record_property(STEPS, performance.steps)
    assert performance.steps >= PART
