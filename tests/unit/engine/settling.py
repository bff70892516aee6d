"""One parent, what stands under it, and who asks for what there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from entrafed.api.choices import DriftPolicy
from entrafed.domain.asks import Ask, Record, Stance
from entrafed.domain.credentials import ObservedCredential, Pair, Parent, ParentKind, Trust
from entrafed.domain.events import RegardingKind
from entrafed.domain.marks import Mark, owner_mark, pair_mark
from entrafed.engine.absence import Absences
from entrafed.engine.objects import Objects
from entrafed.engine.orphans import Orphans
from entrafed.engine.pace import Pace
from entrafed.engine.reads import Reads
from entrafed.engine.settle import Settler
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing
from unit.domain.federations import ISSUER, OBJECT, TENANT
from unit.engine.port_fakes import SIGN_IN, AnsweringAzure, HandClock

TIMING = Timing()
CLUSTER, FORMER, FOREIGN = "aaaaaaaa", "bbbbbbbb", "cccccccc"
PARENT = Parent(ParentKind.APPLICATION, TENANT, OBJECT)


def trust(subject: str, audience: str = "api://x") -> Trust:
    return Trust(Pair(ISSUER, subject), audience)


def named(owner: str, content: Trust, cluster: str = CLUSTER) -> str:
    """The name that a credential of an object `owner` has."""
    return str(Mark(cluster, owner_mark("payments", owner), pair_mark(content.pair)))


def standing(name: str, content: Trust) -> ObservedCredential:
    return ObservedCredential(name, content.pair.issuer, content.pair.subject, (content.audience,))


def record(name: str, content: Trust, item: str = "item") -> Record:
    return Record(item, name, content)


def asking(
    owner: str, *wanted: Trust, stance: Stance = Stance.RECONCILE, records: tuple[Record, ...] = (), since: float = 0
) -> Ask:
    """What an object `owner` of the namespace `payments` asks for."""
    return Ask(
        uid=owner,
        owner=owner_mark("payments", owner),
        namespace="payments",
        name=owner,
        sign_in=SIGN_IN,
        stance=stance,
        drift=DriftPolicy.REPAIR,
        since=since,
        wanted=frozenset(wanted),
        records=records,
    )


@dataclass
class Counting:
    """Keeps the last count of orphans under each parent, and measures nothing else."""

    counts: dict[Parent, int] = field(default_factory=dict)

    def reconciled(self, kind: str, result: str, seconds: float) -> None: ...

    def queue(self, depth: int, oldest_seconds: float) -> None: ...

    def time_to_ready(self, seconds: float) -> None: ...

    def drift_repaired(self, count: int) -> None: ...

    def orphans(self, parent: Parent, count: int) -> None:
        self.counts[parent] = count

    def states(self, counts: Mapping[tuple[RegardingKind, str, str], int]) -> None: ...


@dataclass
class Settling:
    """A parent with credentials, long after the start of the process."""

    there: tuple[ObservedCredential, ...] = ()
    parent: Parent = PARENT
    azure: AnsweringAzure = field(default_factory=AnsweringAzure)
    clock: HandClock = field(default_factory=HandClock)
    table: Table = field(default_factory=Table)
    counting: Counting = field(default_factory=Counting)

    def __post_init__(self) -> None:
        self.azure.held[self.parent] = {credential.name: credential for credential in self.there}
        self.table.listed(frozenset())
        self.noted: list[str] = []
        self.repaired: list[tuple[str, str, str]] = []
        self.settler = Settler(
            azure=self.azure,
            reads=Reads(self.azure, self.clock),
            table=self.table,
            absences=Absences(self.clock, TIMING),
            clock=self.clock,
            orphans=Orphans(
                objects=Objects(),
                table=self.table,
                measure=self.counting,
                clock=self.clock,
                timing=TIMING,
                tell=lambda _event: None,
            ),
            timing=TIMING,
            clusters=(CLUSTER, FORMER),
            pace=Pace(clock=self.clock, timing=TIMING, random=Random(0)),
            noted=self.noted.append,
            resync=lambda _uid: None,
            repaired=lambda asks, name, was: self.repaired.extend((ask.uid, name, was) for ask in asks),
        )
        self.clock.seconds = 1000.0

    def held(self) -> dict[str, ObservedCredential]:
        """What Azure holds."""
        return self.azure.held[self.parent]

    async def settle(self, *asks: Ask, seconds: float = 0.0) -> float | None:
        """Let these ask, and settle once; then again as often as the settler itself wants within so many seconds."""
        for ask in asks:
            self.table.put(self.parent, ask)
        until = self.clock.seconds + seconds
        again = await self.settler.settle(self.parent)
        while again is not None and self.clock.seconds + again <= until:
            self.clock.seconds += max(again, 0.01)
            again = await self.settler.settle(self.parent)
        return again
