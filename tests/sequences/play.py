"""Performs acts in a world, lets the operator live and die, and waits until everything rests."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from engine_world import EngineWorld, Manifest, federation
from entrafed.api.federation import parse_federation
from entrafed.api.parsing import InvalidObject
from entrafed.domain.errors import WritesStopped
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.faults import WRITES, FaultHandle
from sequences import acts, cast
from sequences.acts import Act, Apply, Failure, Item
from sequences.book import Book
from sequences.cast import IDENTITIES, REFUSED_JOB, SOURCES, TARGETS, TEAM, WEB, Slot
from sequences.others import Others

DOWN = 5.0  # seconds without an operator: no process is back sooner, and Azure's limits outlive it
LONGEST_RETRY = 400.0  # seconds: the longest backoff with its jitter, and the try itself
REST = 90.0  # seconds without a write: longer than any wait in between, and than any replica lags
POLL = 10.0  # seconds
PATIENCE = 3600.0  # seconds, after which what is not at rest never will be
REFUSED = Fault(methods=WRITES, status=400, code="Request_BadRequest", message="The subject is invalid.")
BORN: Manifest = {"uid": "none", "generation": 1, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}


class NeverAtRest(AssertionError):
    """The operator went on and on."""


class Play:
    """The operator of one world, and everybody around it."""

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.book = Book(world)
        self.others = Others(self.book)
        self.is_unseen = False
        """Whether something happened that the operator cannot see before it looks."""
        self.is_disturbed = False
        """Whether anything failed."""
        self._made = 0
        self._life = AsyncExitStack()
        self._dead = False
        self._trouble_ends = 0.0
        self._armed: FaultHandle | None = None
        world.cluster.before = self._before_write
        world.azure.faults.add(REFUSED, only=lambda call: REFUSED_JOB.encode() in call.body)

    # Lives

    async def begin(self) -> None:
        self._dead = False
        await self._life.enter_async_context(self.world.operator())

    async def end(self) -> None:
        await self._life.aclose()

    async def restart(self) -> None:
        self.is_unseen = True
        await self.end()
        await asyncio.sleep(DOWN)
        await self.begin()

    def _die(self) -> None:
        self._dead = True
        self.book.nobody_tells()
        self.world.gate.close()
        self.world.cluster.unwatch()

    def _before_write(self, _: str) -> None:
        if self._dead:
            raise WritesStopped("dead")

    # Rest

    async def rest(self) -> None:
        """Wait until all trouble is over, and nothing has been written for a while."""
        clock = self.world.clock
        await asyncio.sleep(max(0.0, self._trouble_ends - clock.monotonic()))
        deadline, written, since = clock.monotonic() + PATIENCE, -1, clock.monotonic()
        while True:
            if self._dead:
                await self.restart()
            count = len(self.world.cluster.writes) + len(self.world.azure.log.writes())
            if count != written:
                written, since = count, clock.monotonic()
            if not self._dead and clock.monotonic() - since >= REST:
                break
            if clock.monotonic() > deadline:
                raise NeverAtRest
            await asyncio.sleep(POLL)
        if self._armed is not None:
            self._armed.remove()
            self._armed = None
        self.book.keep()

    # Acts

    async def perform(self, act: Act) -> bool:
        """Whether the act was possible."""
        self.book.keep()
        match act:
            case acts.Wait(seconds):
                await asyncio.sleep(seconds)
            case acts.Restart():
                await self.restart()
            case acts.Kill():
                self._die()
                await self.restart()
            case acts.Outage():
                self._outage(act)
            case acts.Rules(connection, book):
                self.book.rules[connection] = book
                self.world.connect(*(rule.manifest() for rule in cast.BOOKS[book]), name=connection)
            case acts.Label(namespace, labelled):
                self.book.labelled[namespace] = labelled
                self.world.namespace(namespace, {TEAM: "yes"} if labelled else {})
            case _:
                return self._attempt(act)
        return True

    def _attempt(self, act: Act) -> bool:
        """Acts that are not always possible."""
        match act:
            case acts.KillAtWrite(after):
                done = self._kill_at_write(after=after)
            case Apply():
                done = self._apply(act)
            case acts.BadEdit():
                done = self._edit_badly(act)
            case acts.Put() | acts.Drop() | acts.Rename() | acts.Suspend() | acts.Policy():
                done = self._edit(act)
            case acts.Delete(slot):
                done = self._delete(slot)
            case acts.LookAgain(slot):
                done = self.look_again(slot)
            case _:
                self.is_unseen = True
                done = self.others.perform(act)
        return done

    def look_again(self, slot: Slot) -> bool:
        if slot not in self.book.living():
            return False
        self._made += 1
        self.world.cluster.request_reconcile(slot.namespace, slot.name, f"request-{self._made}")
        return True

    def _apply(self, wish: Apply) -> bool:
        before = self.book.specs.get(wish.slot)
        if before is not None:  # these two may not be changed
            wish = replace(wish, target=before.target, connection=before.connection)
        self._submit(wish)
        return True

    def _edit(self, act: Act) -> bool:
        slot = act.slot  # type: ignore[union-attr]
        spec = self.book.specs.get(slot)
        if spec is None:
            return False
        items = {item.name: item for item in spec.items}
        chosen = spec.items[act.which % len(spec.items)] if spec.items and hasattr(act, "which") else None
        match act:
            case acts.Put(item=item):
                items[item.name] = item
            case acts.Drop() if chosen:
                del items[chosen.name]
            case acts.Rename(name=name) if chosen and name not in items:
                items[name] = replace(items.pop(chosen.name), name=name)
            case acts.Suspend(suspend=suspend):
                spec = replace(spec, suspend=suspend)
            case acts.Policy(delete=delete, drift=drift):
                spec = replace(spec, delete=delete, drift=drift)
            case _:
                return False
        self._submit(replace(spec, items=tuple(items.values())))
        return True

    def _edit_badly(self, act: acts.BadEdit) -> bool:
        """What the schema refuses leaves an object as it was."""
        spec = self.book.specs.get(act.slot)
        if spec is None:
            return False
        manifest = _manifest(spec)
        manifest["spec"] |= {act.field: act.value}
        try:
            parse_federation({**manifest, "metadata": {**manifest["metadata"], **BORN}})
        except InvalidObject:
            return True
        raise AssertionError(f"the schema takes {act}")

    def _submit(self, wish: Apply) -> None:
        """Apply what the schema lets through: no pair twice, no identity at an identity."""
        items: dict[str, Item] = {}
        for item in wish.items:
            source = "pods" if TARGETS[wish.target][0] == WEB and item.source in IDENTITIES else item.source
            audience = cast.EXCHANGE if source in IDENTITIES else item.audience
            items.setdefault(source, Item(item.name, source, audience))
        wish = replace(wish, items=tuple(items.values()))
        self.book.ask(wish.slot, wish)
        self.world.cluster.apply(_manifest(wish))

    def _delete(self, slot: Slot) -> bool:
        if slot not in self.book.living():
            return False
        self.world.cluster.delete("ManagedIdentityFederation", slot.namespace, slot.name)
        self.book.keep()
        return True

    # Trouble

    def _outage(self, outage: acts.Outage) -> None:
        self.is_disturbed = True
        failures = {
            Failure.UNAVAILABLE: Fault(status=503),
            Failure.THROTTLED: Fault(status=429, retry_after=7.0),
            Failure.HANGS: Fault(hang=True),
            Failure.REFUSES: Fault(refuse=True),
            Failure.LOSES_ANSWERS: Fault(lose_answer=True),
        }
        fault = replace(failures[outage.failure], services=(ServiceName(outage.service),))
        handle = self.world.azure.faults.add(fault)
        asyncio.get_running_loop().call_later(outage.seconds, handle.remove)
        ends = self.world.clock.monotonic() + outage.seconds + LONGEST_RETRY
        self._trouble_ends = max(self._trouble_ends, ends)

    def _kill_at_write(self, *, after: bool) -> bool:
        if self._armed is not None or self._dead:
            return False
        self.is_disturbed = True
        services = (ServiceName.GRAPH, ServiceName.ARM)
        fault = Fault(services, WRITES, refuse=not after, lose_answer=after, times=1)
        self._armed = self.world.azure.faults.add(fault, notify=lambda _: self._die())
        return True


def _manifest(wish: Apply) -> Manifest:
    return federation(
        *({"name": i.name, "audience": i.audience, **SOURCES[i.source]} for i in wish.items),
        name=wish.slot.name,
        namespace=wish.slot.namespace,
        target=TARGETS[wish.target][1],
        connectionRef={"name": wish.connection},
        deletionPolicy=wish.delete,
        driftPolicy=wish.drift,
        suspend=wish.suspend,
    )
