"""One host, what is assigned there, and who asks for what."""

from dataclasses import dataclass, field, replace
from random import Random

from entrafed.api.choices import DriftPolicy
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import (
    Assignment,
    AssignmentAsk,
    AssignmentRecord,
    Mark,
    ObservedAssignment,
    ObservedParent,
    Progress,
    Running,
)
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem
from entrafed.domain.findings import AssignmentFinding
from entrafed.engine.absence import Absences
from entrafed.engine.assign import AssignmentSettler
from entrafed.engine.assignment_table import AssignmentTable
from entrafed.engine.pace import Pace
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing
from unit.domain.federations import TENANT
from unit.engine.port_fakes import SIGN_IN, HandClock

TIMING = Timing()
VM = "/subscriptions/s/resourcegroups/web/providers/microsoft.compute/virtualmachines/web-1"
HOST = Parent(ParentKind.HOST, TENANT, VM)
SCOPE = Parent(ParentKind.SCOPE, TENANT, "/subscriptions/s/resourcegroups/data")
TENANT_APP = Parent(ParentKind.TENANT_APP, "other-tenant", "client")


def asking(
    name: str,
    *wanted: Assignment,
    stance: Stance = Stance.RECONCILE,
    made: tuple[Assignment, ...] = (),
    since: float = 0,
    sign_in: SignIn = SIGN_IN,
) -> AssignmentAsk:
    """What an object of the namespace `payments` asks for; `made` is recorded as made."""
    return AssignmentAsk(
        uid=name,
        namespace="payments",
        name=name,
        sign_in=sign_in,
        stance=stance,
        drift=DriftPolicy.REPAIR,
        since=since,
        wanted=frozenset(wanted),
        records=tuple(AssignmentRecord("item", one, Progress.MADE) for one in made),
    )


@dataclass
class AnsweringHolder:
    """The port to one host, scope or tenant. `lists`, when set, is what the next looks show: a replica that lags."""

    held: dict[str, str | None] = field(default_factory=dict)
    instance: str = ""
    mark: Mark = Mark.NONE
    is_changing: bool = False
    lists: list[dict[str, str | None] | AzureProblem] = field(default_factory=list)
    refuses: dict[str, AzureProblem] = field(default_factory=dict)
    """By key; a request of several is refused when one of them is."""
    lacks_right: dict[str, AzureProblem] = field(default_factory=dict)
    """What the connection of a name is told by every change."""
    blind: dict[str, AzureProblem] = field(default_factory=dict)
    """What it is told by every look."""
    stops: dict[str, AzureProblem] = field(default_factory=dict)
    """How other requests are refused while something of this key is there."""
    takes_time: list[Running | AzureProblem | None] = field(default_factory=list)
    """What is told of a change, in turn, once it is accepted; an empty list: it is done at once."""
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    made_again: dict[str, str] = field(default_factory=dict)
    """Principal ids of identities that were deleted and made again since they were asked for, by key."""
    _under_way: dict[str, str | None] | None = None

    async def assignments(self, sign_in: SignIn, parent: Parent, keys: frozenset[str]) -> ObservedParent:
        self.calls.append(("look", tuple(sorted(keys))))
        if sign_in.connection in self.blind:
            raise self.blind[sign_in.connection]
        shown = self.lists.pop(0) if self.lists else self.held
        if isinstance(shown, AzureProblem):
            raise shown
        found = (ObservedAssignment(key, value, self.mark, f"id-{key}") for key, value in shown.items())
        return ObservedParent(tuple(found), self.instance, self.is_changing)

    async def assign(
        self, sign_in: SignIn, parent: Parent, assignments: tuple[Assignment, ...], description: str
    ) -> Running | None:
        assert description.startswith("entrafed: ManagedIdentityFederation payments/")
        self._write("assign", sign_in, tuple(one.key for one in assignments))
        return self._take({**self.held, **{one.key: self.made_again.get(one.key, one.value) for one in assignments}})

    async def unassign(self, sign_in: SignIn, parent: Parent, gone: tuple[ObservedAssignment, ...]) -> Running | None:
        keys = tuple(one.key for one in gone)
        self._write("unassign", sign_in, keys)
        return self._take({key: value for key, value in self.held.items() if key not in keys})

    async def follow(self, sign_in: SignIn, parent: Parent, running: Running) -> Running | None:
        self.calls.append(("follow", (running.url,)))
        told = self.takes_time.pop(0)
        if isinstance(told, AzureProblem):
            raise told
        if told is None and self._under_way is not None:
            self.held, self._under_way = self._under_way, None
        return told

    def _write(self, verb: str, sign_in: SignIn, keys: tuple[str, ...]) -> None:
        self.calls.append((verb, keys))
        if sign_in.connection in self.lacks_right:
            raise self.lacks_right[sign_in.connection]
        stopped = [self.stops[key] for key in self.held if key in self.stops and key not in keys]
        refused = next(iter((*stopped, *(self.refuses[key] for key in keys if key in self.refuses))), None)
        if refused is not None:
            raise refused

    def _take(self, after: dict[str, str | None]) -> Running | None:
        if not self.takes_time:
            self.held = after
            return None
        self._under_way = after
        first = self.takes_time.pop(0)
        assert isinstance(first, Running)
        return first

    def writes(self) -> list[tuple[str, tuple[str, ...]]]:
        return [call for call in self.calls if call[0] in ("assign", "unassign")]


@dataclass
class Assigning:
    """A parent long after the start of the process, and a status that records what is found, as reports do."""

    parent: Parent = HOST
    azure: AnsweringHolder = field(default_factory=AnsweringHolder)
    clock: HandClock = field(default_factory=HandClock)
    table: AssignmentTable = field(default_factory=AssignmentTable)
    heard: Table = field(default_factory=Table)
    records: bool = True

    def __post_init__(self) -> None:
        self.heard.listed(frozenset())
        self.noted: list[str] = []
        self.repaired: list[tuple[str, str, str]] = []
        self.asks: dict[str, AssignmentAsk] = {}
        self.settler = AssignmentSettler(
            azure=self.azure,
            table=self.table,
            heard=self.heard,
            absences=Absences(self.clock, TIMING),
            clock=self.clock,
            timing=TIMING,
            pace=Pace(clock=self.clock, timing=TIMING, random=Random(0)),
            noted=self.noted.append,
            resync=lambda _uid: None,
            outdated=self._admit_anew,
            repaired=lambda asks, _parent, key, was: self.repaired.extend((ask.uid, key, was) for ask in asks),
        )
        self.clock.seconds = 1000.0

    async def settle(self, *asks: AssignmentAsk, seconds: float = 0.0) -> float | None:
        """Let these ask and settle once, then as often as the settler wants within so many seconds; after each run what
        was found is recorded, and one who may go goes."""
        for ask in asks:
            self.asks[ask.uid] = ask
            self.table.put(ask.uid, {self.parent: ask})
        until = self.clock.seconds + seconds
        again = await self.settler.settle(self.parent)
        while (self.records and self._record()) or (again is not None and self.clock.seconds + again <= until):
            self.clock.seconds += max(again or 0.0, 0.01) if again and self.clock.seconds + again <= until else 0.01
            again = await self.settler.settle(self.parent)
        return again

    def finding(self, name: str) -> AssignmentFinding:
        return self.table.findings_of(name)[self.parent]

    def _admit_anew(self, uid: str) -> None:
        """Let an object ask for what there is by now."""
        ask = self.asks[uid]
        wanted = (replace(one, value=self.azure.made_again.get(one.key, one.value)) for one in ask.wanted)
        self.asks[uid] = replace(ask, wanted=frozenset(wanted), read_at=self.clock.monotonic())
        self.table.put(uid, {self.parent: self.asks[uid]})

    def _record(self) -> bool:
        """Whether a status had to be written."""
        written = False
        for uid, ask in list(self.asks.items()):
            finding = self.table.findings_of(uid).get(self.parent)
            if finding is None or finding.problem is not None:
                continue
            if finding.clean:
                del self.asks[uid]
                self.table.drop(uid)
                continue
            records = self._recorded(ask, finding)
            if records != ask.records:
                written = True
                self.asks[uid] = replace(ask, records=records)
                self.table.put(uid, {self.parent: self.asks[uid]})
        return written

    def _recorded(self, ask: AssignmentAsk, finding: AssignmentFinding) -> tuple[AssignmentRecord, ...]:
        stands = [
            AssignmentRecord("item", standing.as_, standing.progress, finding.instance)
            for standing in finding.standings.values()
            if standing.origin is Origin.OPERATOR
        ]
        known = {record.assignment.key for record in stands}
        left = {one.key for one in finding.left} - known
        return (*stands, *(record for record in ask.records if record.assignment.key in left))
