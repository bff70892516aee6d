"""Performs acts on a ground: what users, others and bad luck do."""

from dataclasses import replace

from engine_world import Manifest, config_map, federation
from entrafed_lab.azure import Fault
from entrafed_lab.azure.faults import WRITES
from memory_cluster import MemoryCluster
from sequences import acts, cast
from sequences.acts import Act, Apply, Burst, Item
from sequences.book import Book
from sequences.cast import FOR_APPLICATIONS, IDENTITIES, REFUSED_JOB, SOURCES, TARGETS, TEAM, WEB, Slot
from sequences.ground import Gone, Ground
from sequences.life import Life
from sequences.others import Others
from sequences.surroundings import MAP, Surroundings

REFUSED = Fault(methods=WRITES, status=400, code="Request_BadRequest", message="The subject is invalid.")


class Play(Life):
    """The operator of one ground, and everybody around it."""

    def __init__(self, ground: Ground, cluster: MemoryCluster | None = None) -> None:
        super().__init__(ground)
        self.book = Book(ground)
        self.surroundings = Surroundings(cluster, self.book) if cluster is not None else None
        self.issuers_in_doubt_since: float | None = None
        """When what the operator knows of the cluster's issuers was cast in doubt, in seconds of the clock."""
        self.others = Others(self.book)
        self.is_unseen = False
        """Whether something happened that the operator cannot see before it looks."""
        self._requests = 0
        self._wishes: dict[Slot, str] = {}
        ground.azure.faults.add(REFUSED, only=lambda call: REFUSED_JOB.encode() in call.body)

    async def begin(self) -> None:
        if self.book.has_former_issuers():
            self.issuers_in_doubt_since = self.ground.clock.monotonic()
        await super().begin()

    def keep(self) -> None:
        self.book.keep()

    def dies(self) -> None:
        self.is_unseen = True
        self.book.nobody_tells()

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
                await self.kill()
            case acts.Outage():
                self.outage(act)
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
                done = self.kill_at_write(after=after)
            case Apply():
                done = await self._apply(act)
            case acts.BadEdit():
                done = await self._edit_badly(act)
            case acts.Put() | acts.Drop() | acts.Rename() | acts.Suspend() | acts.Policy() | acts.Outputs():
                done = await self._edit(act)
            case acts.Delete(slot):
                done = await self._delete(slot)
            case acts.LookAgain(slot):
                done = await self.look_again(slot)
            case acts.OthersAnnotate() | acts.OthersChangeMap() | acts.There() | acts.Announce():
                assert self.surroundings is not None
                self.is_unseen = True
                if isinstance(act, acts.Announce):
                    self.issuers_in_doubt_since = self.ground.clock.monotonic()
                done = self.surroundings.perform(act)
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
            case acts.Outputs(annotated=annotated, mapped=mapped):
                spec = replace(spec, annotated=annotated, mapped=mapped)
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
        if self.surroundings is not None and wish.slot not in self.book.living():  # it says so on its way
            self.surroundings.note_leaving(wish.slot)

    async def _delete(self, slot: Slot) -> bool:
        if slot not in self.book.living():
            return False
        self._wishes.pop(slot, None)
        await self.ground.delete(slot)
        if self.surroundings is not None:
            self.surroundings.note_leaving(slot)
        self.book.keep()
        return True


def _manifest(wish: Apply) -> Manifest:
    return federation(
        *(_item(item, annotated=wish.annotated) for item in wish.items),
        name=wish.slot.name,
        namespace=wish.slot.namespace,
        target=TARGETS[wish.target][1],
        connectionRef={"name": wish.connection},
        deletionPolicy=wish.delete,
        driftPolicy=wish.drift,
        suspend=wish.suspend,
        **({"output": config_map(MAP.name)} if wish.mapped else {}),
    )


def _item(item: Item, *, annotated: bool) -> Manifest:
    asked = {} if item.audience == cast.EXCHANGE else {"audience": item.audience}
    source = SOURCES[item.source]
    if annotated and item.source == "pods":
        source = {"serviceAccount": {**source["serviceAccount"], "annotationPolicy": "Write"}}
    return {"name": item.name, **asked, **source}
