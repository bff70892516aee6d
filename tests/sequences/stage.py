"""Plays a sequence in a world of its own, and judges it after every burst."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import looptime
import structlog
import trustme

from engine_world import EngineWorld
from entrafed_lab.azure import Delays, KeyRing, Rates
from entrafed_lab.azure.request_log import RequestRecord
from sequences.acts import Burst, Delete, Rules
from sequences.cast import BOOKS, CONNECTIONS, NAMESPACES, SLOTS, WEB, seed
from sequences.ground import InMemory
from sequences.life import NeverAtRest
from sequences.play import REFUSED, Play
from sequences.truth import ISSUER_GRACE, incoherent, untruths
from virtual_world import virtual_world

SETTLED = 10.0  # seconds, after which every replica shows what others did
RESYNC = 600.0  # seconds: everything is looked at more often than in earnest, so that it is looked at more often here
SECOND_PASS = 200.0  # seconds that it takes at most
LOOKED_AT = RESYNC * 1.25  # seconds, after which everything was looked at once


@dataclass
class Stage:
    """What all sequences of a test share. `steps` counts what could be done."""

    ca: trustme.CA
    keys: KeyRing
    directory: Path
    steps: int = 0

    def play(self, sequence: Iterable[Burst], *, sabotage: "Sabotage" = lambda _: None) -> None:
        """Play one sequence; raises AssertionError with all that was wrong after the first burst that ended so.

        `sabotage` is called when everything rests, before that is judged.
        """
        with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, noop_cycles=2)) as runner:
            runner.run(self._play(sequence, sabotage))

    async def _play(self, sequence: Iterable[Burst], sabotage: "Sabotage") -> None:
        played: list[Burst] = []
        with structlog.testing.capture_logs([structlog.processors.format_exc_info]) as logs:
            async with self._world() as world:
                performance = Performance(world, Play(InMemory(world), world.cluster), logs, sabotage)
                await performance.play.begin()
                try:
                    for burst in filter(None, sequence):
                        played.append(burst)
                        self.steps += await performance.through(burst)
                        wrong = await performance.judge()
                        assert not wrong, told(played, wrong)
                    wrong = await performance.close()
                    assert not wrong, told(played, wrong)
                finally:
                    await performance.play.end()

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[EngineWorld]:
        lagging = Delays(propagation=0.0, negative_cache=0.0, key_cache=0.0)
        async with virtual_world(
            self.directory, ca=self.ca, keys=self.keys, delays=lagging, rates=Rates(), seed=seed()
        ) as world:
            world.timing = replace(world.timing, resync=RESYNC, issuer_grace=ISSUER_GRACE)
            for namespace in NAMESPACES:
                world.namespace(namespace)
            yield world


def told(played: list[Burst], wrong: list[str]) -> str:
    bursts = "".join(f"    {burst},\n" for burst in played)
    return "\n".join([*wrong, f"after [\n{bursts}]"])


Sabotage = Callable[["Performance"], None]


@dataclass
class Performance:
    """One sequence as it is played."""

    world: EngineWorld
    play: Play
    logs: list[MutableMapping[str, Any]]
    sabotage: Sabotage
    before_second_pass: Callable[[], None] = lambda: None
    problems: list[str] = field(default_factory=list)
    bursts: int = 0

    def __post_init__(self) -> None:
        self._denied_since: dict[tuple[str, str], float] = {}
        self._seen: dict[str, str] = {}
        world = self.world
        for connection in CONNECTIONS:
            rules = [rule.manifest() for rule in BOOKS["everything"]]
            world.connect(*rules, name=connection)
        world.cluster.after = self._written
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.problems.append(str(context)))

    async def through(self, burst: Burst) -> int:
        """Do everything; how many steps could be done."""
        self.bursts += 1
        return await self.play.through(burst)

    async def judge(self) -> list[str]:
        """Wait for rest; what is wrong then."""
        play, world, log = self.play, self.world, self.world.azure.log
        try:
            await play.rest()
            if play.is_unseen:
                await self._have_all_seen()
            await self._until_issuers_are_known()
            self.sabotage(self)
            self.problems += self._untruths()
            self.problems += wrong_requests(log, cluster=world.mark, may_collide=play.is_unseen or play.is_disturbed)
            if not self.problems:
                await self._until_no_removal_is_near()
                self.before_second_pass()
                self.problems += await second_pass(play)
        except NeverAtRest:
            self.problems.append("it never came to rest")
        self.problems += [f"{e['key']}: {e['exception']}" for e in self.logs if e["event"] == "unexpected"]
        log.clear()
        self.logs.clear()
        play.is_unseen = play.is_disturbed = False
        return self.problems

    async def close(self) -> list[str]:
        """Everybody leaves; what is wrong then."""
        for connection in CONNECTIONS:
            await self.play.perform(Rules(connection, "everything"))
        for slot in SLOTS:
            await self.play.perform(Delete(slot))
        await self.play.rest()
        return [*self.problems, *self._untruths()]

    def _untruths(self) -> list[str]:
        around = self.play.surroundings
        return [*untruths(self.play.book, self._denied_since), *(around.untruths() if around else ())]

    async def _have_all_seen(self) -> None:
        """Have the operator look at what it could not see: by request, or as it does every hour."""
        await asyncio.sleep(SETTLED)
        if self.bursts % 2:
            await asyncio.sleep(LOOKED_AT)
        else:
            for slot in SLOTS:
                await self.play.look_again(slot)
        await self.play.rest()

    async def _until_issuers_are_known(self) -> None:
        """An issuer counts for a while after it was announced last, or after a start, as far as anybody knows."""
        timing, clock = self.world.timing, self.world.clock
        since = self.play.issuers_in_doubt_since
        if since is not None:
            known = since + timing.issuer_window + 2 * timing.issuer_check
            await asyncio.sleep(max(0.0, known - clock.monotonic()))
            self.play.issuers_in_doubt_since = None
            await self.play.rest()

    async def _until_no_removal_is_near(self) -> None:
        """What is about to be removed would be written for in the midst of a second pass, and rightly so."""
        clock, timing, book = self.world.clock, self.world.timing, self.play.book

        def near() -> list[float]:
            ends = [since + timing.revocation_delay for since in book.refusals()]
            ends += [since + timing.issuer_grace for since in book.retirements()]
            return [wait for end in ends if 0 < (wait := end - clock.now()) < SECOND_PASS]

        while waits := near():
            await asyncio.sleep(max(waits) + 1.0)
            await self.play.rest()

    def _written(self, _: str) -> None:
        """Something was written to Kubernetes: look at every status that is new."""
        for slot in self.play.book.specs:
            found = self.play.book.found(slot)
            if found is None or self._seen.get(found.metadata.uid) == found.metadata.resource_version:
                continue
            self._seen[found.metadata.uid] = found.metadata.resource_version
            if found.status.observed_generation >= 0:
                self.problems += [f"{slot} at some time: {problem}" for problem in incoherent(found)]


async def second_pass(play: Play) -> list[str]:
    """Look at all once more: nothing is written but that the requests were heard. What was written besides.

    Where two connections list one identity, the published limits alone make that last longer than a status may stay
    silent: progress may be told in between.
    """
    ground = play.ground
    ground.azure.log.clear()
    del ground.kube_writes[:]
    looked_at = [slot for slot in SLOTS if await play.look_again(slot)]
    asked = [f"status {slot.name}" for slot in looked_at]
    asked += [f"status {slot.name}" for slot in looked_at if play.book.holder_of(slot) == WEB]
    await play.rest(play.is_heard)
    wrong = [f"a second pass sent {r}" for r in ground.azure.log.writes() if r.status != REFUSED.status]
    if len(ground.kube_writes) < sum(not play.book.specs[slot].suspend for slot in looked_at):
        wrong.append(f"of {looked_at} all were looked at, and only {ground.kube_writes} was noticed")
    for write in ground.kube_writes:
        if write in asked:
            asked.remove(write)
        else:
            wrong.append(f"a second pass wrote {write}")
    return wrong


def wrong_requests(log: Iterable[RequestRecord], *, cluster: str, may_collide: bool) -> Iterator[str]:
    """What should never have been sent, or not so."""
    for record in log:
        if record.overlapping:
            yield f"overlapping writes: {record}"
        if record.status in (409, 429) and not may_collide:
            yield f"self-made: {record}"
        if record.write and record.method != "POST" and f"mif-{cluster}-" not in unquote(record.path).lower():
            yield f"not ours: {record}"
