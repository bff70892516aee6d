"""Staying below Microsoft's limits: token buckets that calls wait for in the order they came.

Sources: https://learn.microsoft.com/graph/throttling-limits (identity and access) and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations (identities under ARM) and
https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (all else under ARM,
whose buckets are wider than those of the identity provider).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum

from entrafed.api.reasons import Reason
from entrafed.azure.answers import Bill
from entrafed.azure.clock import Clock
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind

SHARE = 0.9  # of every published limit: clocks and networks jitter, and other writers exist
FULL = 0.8  # share of a budget from which on Microsoft warns that it is used up soon
LONGEST_PAUSE = 10.0  # seconds; the window of Graph's resource units, for a budget that is used up wholly
TICK = 1e-6  # seconds; less is rounding, and no clock can sleep that long
MOST_BUCKETS = 20_000  # three per identity in use; beyond that, those at rest are dropped


class Spend(StrEnum):
    """What Microsoft counts apart."""

    GET = "get"
    LIST = "list"
    WRITE = "write"


class Scope(Enum):
    """Whom a limit is counted for."""

    RESOURCE = "resource"
    SUBSCRIPTION = "subscription"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` per second, `burst` at once. Where one resource is limited, its interval counts from the answer: however
    long a request was under way, Microsoft sees the next one a whole interval later."""

    rate: float
    burst: float = 1.0
    counts_from_answer: bool = False


ARM_IDENTITY = {
    Spend.WRITE: Limit(0.25, counts_from_answer=True),
    Spend.LIST: Limit(0.25, counts_from_answer=True),
    Spend.GET: Limit(0.5, counts_from_answer=True),
}
ARM_SUBSCRIPTION = {Spend.WRITE: Limit(2), Spend.LIST: Limit(5), Spend.GET: Limit(10)}
ARM_TENANT = {Spend.WRITE: Limit(10), Spend.LIST: Limit(15), Spend.GET: Limit(30)}
ARM_READS = Limit(25, burst=250)
ARM_WRITES = Limit(10, burst=200)
GRAPH_WRITES = Limit(16, burst=500)  # 3,000 in 150 s per application and tenant: 500 at once + 2,400 later
GRAPH_UNITS = Limit(240, burst=1_000)  # 3,500 in 10 s in a small tenant: 1,000 at once + 2,400 later
SIGN_INS = Limit(1, burst=10)  # published nowhere; a sign-in that fails is not repeated by every object at once


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """`share` is what this process uses at most of what Microsoft publishes, 0 to 1: the rest is for others in the same
    tenant and subscriptions. `rate_scale` multiplies every rate (a lab that scales its own). A hold beyond
    `longest_wait` seconds is not waited out inside the call: the call raises Throttled with the time that is left."""

    share: float = SHARE
    rate_scale: float = 1.0
    longest_wait: float = 30.0
    slots: int = 16
    """Requests of one connection to one service that are under way at once."""
    slot_seconds: float = 3.0
    """A request that has no answer by then leaves its slot to others: what hangs holds up nobody else."""


Waited = Callable[[str, float], None]
"""Told of every request that was let through: which service it is for, and the seconds that it waited."""


class Bucket:
    """One limit's state. Whoever may draw next holds `turn`, first come first served."""

    def __init__(self, limit: Limit, scope: Scope, clock: Clock) -> None:
        self.scope = scope
        self.turn = asyncio.Lock()
        self._clock = clock
        self._interval = 1 / limit.rate
        self._slack = (limit.burst - 1) * self._interval
        self._counts_from_answer = limit.counts_from_answer
        self._empty_until = float("-inf")  # the "theoretical arrival time" of the generic cell rate algorithm
        self._held_until = float("-inf")

    def wait(self) -> float:
        """Seconds until a token is there; 0 when it is."""
        pause = max(self._empty_until - self._slack, self._held_until) - self._clock.monotonic()
        return pause if pause > TICK else 0.0

    def held(self) -> float:
        """Seconds that Microsoft asked to hold for, what is left of them."""
        return self._held_until - self._clock.monotonic()

    def take(self, tokens: float = 1.0) -> None:
        """Draw tokens, more than there are too: who comes next waits for them. A negative number gives back."""
        self._empty_until = max(self._empty_until, self._clock.monotonic()) + tokens * self._interval

    def answered(self) -> None:
        if self._counts_from_answer:
            self._empty_until = max(self._empty_until, self._clock.monotonic() + self._interval)

    def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    def drain(self) -> None:
        """Nothing is saved up any more: from now on tokens are drawn one by one, as they come."""
        self._empty_until = max(self._empty_until, self._clock.monotonic() + self._slack)

    @property
    def is_at_rest(self) -> bool:
        full_at = max(self._empty_until, self._held_until)
        return not self.turn.locked() and full_at < self._clock.monotonic()


class Budget:
    """The buckets that one call draws from, narrowest first. One may be `metered`: the call draws `units` of it, and
    Microsoft tells afterwards what it really cost."""

    def __init__(
        self,
        buckets: tuple[Bucket, ...],
        *,
        slots: asyncio.Semaphore,
        clock: Clock,
        settings: BudgetSettings,
        waited: Callable[[float], None],
        metered: Bucket | None = None,
        units: float = 1.0,
    ) -> None:
        self._buckets = buckets
        self._slots = slots
        self._clock = clock
        self._settings = settings
        self._waited = waited
        self._metered = metered
        self._units = units

    @asynccontextmanager
    async def spend(self) -> AsyncIterator[None]:
        """Wait for a token of every bucket and a slot; inside, exactly one request may be sent."""
        began = self._clock.monotonic()
        while not await self._admitted():
            pass  # Microsoft asked to hold a bucket while a wider one was waited for
        self._waited(self._clock.monotonic() - began)
        leave_slot = self._slot_taken()
        try:
            yield
        finally:
            leave_slot()
            for bucket in self._buckets:
                bucket.answered()

    def _slot_taken(self) -> Callable[[], None]:
        """The way to leave a slot: it is left once, by its request or by time."""
        is_left = False

        def leave() -> None:
            nonlocal is_left
            if not is_left:
                is_left = True
                hangs.cancel()
                self._slots.release()

        hangs = asyncio.get_running_loop().call_later(self._settings.slot_seconds, leave)
        return leave

    async def open(self) -> None:
        """Wait until a token is there, without drawing it: for a read that must stand right before its write."""
        for bucket in self._buckets:
            await self._until_free(bucket)

    def hold(self, scope: Scope, seconds: float) -> None:
        """Hold the buckets of this scope, for everybody who shares them."""
        for bucket in self._buckets:
            if bucket.scope is scope:
                bucket.hold(seconds)

    def charge(self) -> None:
        """Draw the units of a call that shares the request of another one, which has waited."""
        if self._metered is not None:
            self._metered.take(self._units)

    def billed(self, bill: Bill) -> None:
        """Take what Microsoft says that the call cost; where it warns, slow down, the more the fuller the budget is."""
        if bill.units is not None and self._metered is not None:
            self._metered.take(bill.units - self._units)
        if bill.used is not None and bill.used >= FULL:
            pause = LONGEST_PAUSE * min(1.0, (bill.used - FULL) / (1 - FULL)) / self._settings.rate_scale
            for bucket in self._buckets:
                bucket.drain()
                bucket.hold(pause)

    async def _admitted(self) -> bool:
        # Nobody waits in a wide bucket's line before its narrow one is free: so one busy identity never fills the line
        # of its subscription, and a token is drawn in the instant of sending, not before a wait.
        async with AsyncExitStack() as turns:
            for bucket in self._buckets:
                await turns.enter_async_context(bucket.turn)
                await self._until_free(bucket)
            await self._slots.acquire()
            if not any(bucket.wait() for bucket in self._buckets):
                for bucket in self._buckets:
                    bucket.take(self._units if bucket is self._metered else 1.0)
                return True
            self._slots.release()
            return False

    async def _until_free(self, bucket: Bucket) -> None:
        while (pause := bucket.wait()) > 0:
            held = bucket.held()
            if held > self._settings.longest_wait:
                message = "Microsoft asked to wait before the next request; it is sent when that time is over"
                raise AzureProblem(Problem(ProblemKind.THROTTLED, Reason.THROTTLED, message, after=held))
            await self._clock.sleep(pause)


class Budgets:
    """Every bucket of the process. Connections to the same tenant share those that Microsoft counts by tenant."""

    def __init__(
        self, clock: Clock, settings: BudgetSettings, waited: Waited = lambda _service, _seconds: None
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._waited = waited
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._slots: dict[tuple[SignIn, str], asyncio.Semaphore] = {}

    def login(self, sign_in: SignIn) -> Budget:
        key = ("login", sign_in.login, sign_in.tenant_id, sign_in.client_id)
        return self._budget(sign_in, "login", (self._bucket(key, SIGN_INS, Scope.TENANT),))

    def graph(self, sign_in: SignIn, spend: Spend, units: float = 1.0) -> Budget:
        """`units` are what the request costs, as far as is known before."""
        key = ("graph", sign_in.graph, sign_in.tenant_id, sign_in.client_id)
        metered = self._bucket((*key, "units"), GRAPH_UNITS, Scope.TENANT)
        if spend is not Spend.WRITE:
            return self._budget(sign_in, "graph", (metered,), metered, units)
        writes = self._bucket((*key, "writes"), GRAPH_WRITES, Scope.TENANT)
        return self._budget(sign_in, "graph", (writes, metered), metered, units)

    def arm(self, sign_in: SignIn, subscription: str, resource: str, spend: Spend) -> Budget:
        """`resource` is the identity's id, lower-case; `subscription` the one it is in."""
        tenant = ("arm", sign_in.arm, sign_in.tenant_id, spend.value)
        buckets = (
            self._bucket((*tenant, "identity", resource), ARM_IDENTITY[spend], Scope.RESOURCE),
            self._bucket((*tenant, "subscription", subscription), ARM_SUBSCRIPTION[spend], Scope.SUBSCRIPTION),
            self._bucket(tenant, ARM_TENANT[spend], Scope.TENANT),
            self._of_manager(sign_in, subscription, spend),
        )
        return self._budget(sign_in, "arm", buckets)

    def resources(self, sign_in: SignIn, subscription: str, resource: str, spend: Spend) -> Budget:
        """For what has no limits of its own under ARM. A Retry-After is about the one `resource`."""
        limit = ARM_WRITES if spend is Spend.WRITE else ARM_READS
        key = ("arm", sign_in.arm, sign_in.client_id, subscription, _kind(spend), resource)
        buckets = (self._bucket(key, limit, Scope.RESOURCE), self._of_manager(sign_in, subscription, spend))
        return self._budget(sign_in, "arm", buckets)

    def _of_manager(self, sign_in: SignIn, subscription: str, spend: Spend) -> Bucket:
        """ARM's own, that all requests of a principal share: in a subscription, or, for what is in none, the tenant."""
        limit, scope = ARM_WRITES if spend is Spend.WRITE else ARM_READS, Scope.SUBSCRIPTION
        place = ("subscription", subscription)
        if not subscription:
            scope, place = Scope.TENANT, ("tenant", sign_in.tenant_id)
        return self._bucket(("arm", sign_in.arm, sign_in.client_id, *place, _kind(spend)), limit, scope)

    def _budget(
        self,
        sign_in: SignIn,
        service: str,
        buckets: tuple[Bucket, ...],
        metered: Bucket | None = None,
        units: float = 1.0,
    ) -> Budget:
        return Budget(
            buckets,
            slots=self._slots.setdefault((sign_in, service), asyncio.Semaphore(self._settings.slots)),
            clock=self._clock,
            settings=self._settings,
            waited=lambda seconds: self._waited(service, seconds),
            metered=metered,
            units=units,
        )

    def _bucket(self, key: tuple[str, ...], limit: Limit, scope: Scope) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets = {k: b for k, b in self._buckets.items() if not b.is_at_rest}
            rate = limit.rate * self._settings.share * self._settings.rate_scale
            burst = max(1.0, limit.burst * self._settings.share)
            bucket = Bucket(Limit(rate, burst, limit.counts_from_answer), scope, self._clock)
            self._buckets[key] = bucket
        return bucket


def _kind(spend: Spend) -> str:
    return "write" if spend is Spend.WRITE else "read"
