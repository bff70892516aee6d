"""Performs acts on a ground, lets the operator live and die, and waits until everything rests."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from engine_world import Manifest, federation
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.faults import WRITES, FaultHandle
from sequences import acts, cast
from sequences.acts import Act, Apply, Burst, Failure, Item
from sequences.book import Book
from sequences.cast import FOR_APPLICATIONS, IDENTITIES, REFUSED_JOB, SOURCES, TARGETS, TEAM, WEB, Slot
from sequences.ground import Gone, Ground
from sequences.others import Others

DOWN = 5.0  # seconds without an operator: no process is back sooner, and Azure's limits outlive it
LONGEST_RETRY = 400.0  # seconds: the longest backoff with its jitter, and the try itself; less after a short outage
REST = 90.0  # seconds without a write: longer than any wait in between, and than any replica lags
POLL = 10.0  # seconds
PATIENCE = 3600.0  # seconds, after which what is not at rest never will be
REFUSED = Fault(methods=WRITES, status=400, code="Request_BadRequest", message="The subject is invalid.")


class NeverAtRest(AssertionError):
    """The operator went on and on."""


class Play:
    """The operator of one ground, and everybody around it. Seconds are the operator's: the ground may scale them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.book = Book(ground)
        self.others = Others(self.book)
        self.is_unseen = False
        """Whether something happened that the operator cannot see before it looks."""
        self.is_disturbed = False
        """Whether anything failed."""
        self._requests = 0
        self._wishes: dict[Slot, str] = {}
        self._dead = False
        self._trouble_ends = 0.0
        self._armed: FaultHandle | None = None
        ground.azure.faults.add(REFUSED, only=lambda call: REFUSED_JOB.encode() in call.body)

    # Lives

    async def begin(self) -> None:
        self._dead = False
        await self.ground.begin()

    async def end(self) -> None:
        await self.ground.end()

    async def restart(self) -> None:
        self.is_unseen = True
        self.book.nobody_tells()  # of writes that outlast the time that is left to them
        await self.end()
        await self.wait(DOWN)
        await self.begin()

    def _die(self) -> None:
        self._dead = True
        self.book.nobody_tells()
        self.ground.kill()

    # Rest

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.ground.scale)

    async def calm(self) -> None:
        """Wait until all trouble is over, and the operator is at work."""
        await asyncio.sleep(max(0.0, self._trouble_ends - self.ground.clock.monotonic()))
        await self.ground.until_at_work()
        while self._dead:
            await self.restart()
            await self.ground.until_at_work()

    async def rest(self, holds: Callable[[], bool] = lambda: True) -> None:
        """Wait until all is calm, nothing has been written for a while, and something holds."""
        clock, scale = self.ground.clock, self.ground.scale
        await self.calm()
        deadline, written, since = clock.monotonic() + PATIENCE * scale, -1, clock.monotonic()
        while True:
            if self._dead:
                await self.calm()
                since = clock.monotonic()
            count = len(self.ground.kube_writes) + len(self.ground.azure.log.writes())
            if count != written:
                written, since = count, clock.monotonic()
            if not self._dead and clock.monotonic() - since >= REST * scale and holds():
                break
            if clock.monotonic() > deadline:
                raise NeverAtRest
            await self.wait(POLL)
        if self._armed is not None:
            self._armed.remove()
            self._armed = None
        self.book.keep()

    # Acts

    async def through(self, burst: Burst) -> int:
        """Do everything; how many steps could be done."""
        done = 0
        for step in burst:
            done += await self.perform(step.act)
            if step.pause:
                await self.wait(step.pause)
        return done

    async def perform(self, act: Act) -> bool:
        """Whether the act was possible."""
        self.book.keep()
        match act:
            case acts.Wait(seconds):
                await self.wait(seconds)
            case acts.Restart():
                await self.restart()
            case acts.Kill():
                self._die()
                await self.restart()
            case acts.Outage():
                self._outage(act)
            case acts.Rules(connection, book):
                self.book.rules[connection] = book
                await self.ground.connect(connection, [rule.manifest() for rule in cast.BOOKS[book]])
            case acts.Label(namespace, labelled):
                self.book.labelled[namespace] = labelled
                await self.ground.label(namespace, {TEAM: "yes"} if labelled else {})
            case _:
                try:
                    return await self._attempt(act)
                except Gone:
                    return False
        return True

    async def _attempt(self, act: Act) -> bool:
        """Acts that are not always possible."""
        match act:
            case acts.KillAtWrite(after):
                done = self._kill_at_write(after=after)
            case Apply():
                done = await self._apply(act)
            case acts.BadEdit():
                done = await self._edit_badly(act)
            case acts.Put() | acts.Drop() | acts.Rename() | acts.Suspend() | acts.Policy():
                done = await self._edit(act)
            case acts.Delete(slot):
                done = await self._delete(slot)
            case acts.LookAgain(slot):
                done = await self.look_again(slot)
            case _:
                self.is_unseen = True
                done = self.others.perform(act)
        return done

    async def look_again(self, slot: Slot) -> bool:
        if slot not in self.book.living():
            return False
        self._requests += 1
        wish = self._wishes[slot] = f"request-{self._requests}"
        await self.ground.request_reconcile(slot, wish)
        return True

    def is_heard(self) -> bool:
        """Whether the operator has looked at every object since that was requested last, but at suspended ones."""
        living = self.book.living()
        asked = [slot for slot in self._wishes if slot in living and not self.book.specs[slot].suspend]
        return all(living[slot].status.last_handled_reconcile_at == self._wishes[slot] for slot in asked)

    async def _apply(self, wish: Apply) -> bool:
        before = self.book.specs.get(wish.slot)
        if before is not None:  # these two may not be changed
            wish = replace(wish, target=before.target, connection=before.connection)
        await self._submit(wish)
        return True

    async def _edit(self, act: Act) -> bool:
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
        await self._submit(replace(spec, items=tuple(items.values())))
        return True

    async def _edit_badly(self, act: acts.BadEdit) -> bool:
        """What the schema refuses leaves an object as it was."""
        spec = self.book.specs.get(act.slot)
        if spec is None:
            return False
        manifest = _manifest(spec)
        manifest["spec"] |= {act.field: act.value}
        refusal = await self.ground.refusal(manifest)
        assert f"spec.{act.field}" in refusal, refusal
        return True

    async def _submit(self, wish: Apply) -> None:
        """Apply what the schema lets through: no pair twice, no identity at an identity."""
        items: dict[str, Item] = {}
        for item in wish.items:
            source = "pods" if TARGETS[wish.target][0] == WEB and item.source in FOR_APPLICATIONS else item.source
            audience = cast.EXCHANGE if source in IDENTITIES else item.audience
            items.setdefault(source, Item(item.name, source, audience))
        wish = replace(wish, items=tuple(items.values()))
        await self.ground.apply(_manifest(wish))
        self.book.ask(wish.slot, wish)

    async def _delete(self, slot: Slot) -> bool:
        if slot not in self.book.living():
            return False
        self._wishes.pop(slot, None)
        await self.ground.delete(slot)
        self.book.keep()
        return True

    # Trouble

    def _outage(self, outage: acts.Outage) -> None:
        self.is_disturbed = True
        failures = {
            Failure.UNAVAILABLE: Fault(status=503),
            Failure.THROTTLED: Fault(status=429, retry_after=7.0 * self.ground.scale),
            Failure.HANGS: Fault(hang=True),
            Failure.REFUSES: Fault(refuse=True),
            Failure.LOSES_ANSWERS: Fault(lose_answer=True),
        }
        fault = replace(failures[outage.failure], services=(ServiceName(outage.service),))
        handle = self.ground.azure.faults.add(fault)
        asyncio.get_running_loop().call_later(outage.seconds * self.ground.scale, handle.remove)
        lasts = outage.seconds + min(LONGEST_RETRY, 3 * outage.seconds)
        ends = self.ground.clock.monotonic() + lasts * self.ground.scale
        self._trouble_ends = max(self._trouble_ends, ends)

    def _kill_at_write(self, *, after: bool) -> bool:
        if self._armed is not None or self._dead:
            return False
        self.is_disturbed = True
        services = (ServiceName.GRAPH, ServiceName.ARM)
        fault = Fault(services, WRITES, refuse=not after, lose_answer=after, times=1)
        self._armed = self.ground.azure.faults.add(fault, notify=lambda _: self._die())
        return True


def _manifest(wish: Apply) -> Manifest:
    return federation(
        *(_item(item) for item in wish.items),
        name=wish.slot.name,
        namespace=wish.slot.namespace,
        target=TARGETS[wish.target][1],
        connectionRef={"name": wish.connection},
        deletionPolicy=wish.delete,
        driftPolicy=wish.drift,
        suspend=wish.suspend,
    )


def _item(item: Item) -> Manifest:
    asked = {} if item.audience == cast.EXCHANGE else {"audience": item.audience}
    return {"name": item.name, **asked, **SOURCES[item.source]}
