"""Keeps an `EntraConnection` honest: whether it signs in, and that it stays while it is in use."""

from collections.abc import Callable

from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.connection import Connection, ConnectionStatus
from entrafed.api.metadata import CONNECTION_FINALIZER
from entrafed.api.reasons import Reason
from entrafed.domain.connections import sign_in_of
from entrafed.domain.errors import AzureProblem, Problem
from entrafed.domain.targets import OwnIdentity
from entrafed.domain.times import to_text
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Clock, Kube
from entrafed.engine.queue import Backoff
from entrafed.engine.reads import Reads
from entrafed.engine.timing import Timing


class Connections:
    """Looks after one connection after the other. `knows_all_users`: whether all federations have been heard.

    `recovered` is told of a connection that signs in again after it did not.
    """

    def __init__(
        self,
        *,
        objects: Objects,
        knows_all_users: Callable[[], bool],
        recovered: Callable[[str], None],
        reads: Reads,
        kube: Kube,
        clock: Clock,
        timing: Timing,
        backoff: Backoff[str],
        allow_endpoints: bool,
    ) -> None:
        self._objects = objects
        self._knows_all_users = knows_all_users
        self._recovered = recovered
        self._reads = reads
        self._kube = kube
        self._clock = clock
        self._timing = timing
        self._backoff = backoff
        self._allow_endpoints = allow_endpoints

    async def look_after(self, name: str) -> float | None:
        """Set finalizer and status. The answer is when to look again, in seconds; None: when asked."""
        connection = self._objects.connections.get(name)
        if connection is None:
            return None
        held = CONNECTION_FINALIZER in connection.metadata.finalizers
        if held and not self._objects.users_of(name) and not self._knows_all_users():
            return self._timing.agreement
        connection = await self._hold(connection)
        if connection.metadata.deletion_timestamp and CONNECTION_FINALIZER not in connection.metadata.finalizers:
            return None
        found = await self._sign_in(connection)
        status = _status(connection, found, self._clock.now())
        if status != connection.status:
            self._take(await self._kube.write_connection_status(connection.metadata, status))
        if isinstance(found, Problem):
            return self._backoff.failed(name) if found.after is None else found.after
        self._backoff.succeeded(name)
        if _is_failing(connection):
            self._recovered(name)
        return self._timing.connection_check

    async def _hold(self, connection: Connection) -> Connection:
        """A connection that is in use cannot be deleted: nobody could clean up what was made through it."""
        metadata = connection.metadata
        in_use = bool(self._objects.users_of(metadata.name))
        held = CONNECTION_FINALIZER in metadata.finalizers
        if in_use and not held and not metadata.deletion_timestamp:
            finalizers = (*metadata.finalizers, CONNECTION_FINALIZER)
        elif held and not in_use:
            finalizers = tuple(f for f in metadata.finalizers if f != CONNECTION_FINALIZER)
        else:
            return connection
        return self._take(await self._kube.set_connection_finalizer(metadata, finalizers))

    def _take(self, connection: Connection) -> Connection:
        name = connection.metadata.name
        before = self._objects.connections.get(name)
        if before is not None and before.metadata.uid == connection.metadata.uid:
            self._objects.connections[name] = connection
        return connection

    async def _sign_in(self, connection: Connection) -> OwnIdentity | Problem:
        sign_in = sign_in_of(connection, allow_endpoints=self._allow_endpoints)
        if isinstance(sign_in, Problem):
            return sign_in
        try:
            return await self._reads.own_identity(sign_in, self._clock.monotonic())
        except AzureProblem as failure:
            return failure.problem


def _is_failing(connection: Connection) -> bool:
    """Whether the status says that signing in does not work."""
    return any(
        c.type is ConditionType.SIGNED_IN and c.status is ConditionStatus.FALSE for c in connection.status.conditions
    )


def _status(connection: Connection, found: OwnIdentity | Problem, now: float) -> ConnectionStatus:
    before = {condition.type: condition for condition in connection.status.conditions}
    if isinstance(found, Problem):
        status, reason, message = ConditionStatus.FALSE, found.reason, found.message
        abnormal = ConditionType.STALLED if found.stalled else ConditionType.RECONCILING
        kinds = {ConditionType.READY: status, ConditionType.SIGNED_IN: status, abnormal: ConditionStatus.TRUE}
    else:
        status, reason = ConditionStatus.TRUE, Reason.SIGNED_IN
        message = f"signed in to tenant {connection.spec.tenant_id} as {found.client_id}"
        kinds = {ConditionType.READY: status, ConditionType.SIGNED_IN: status}

    def condition(kind: ConditionType, stands: ConditionStatus) -> Condition:
        old = before.get(kind)
        since = old.last_transition_time if old is not None and old.status is stands else to_text(now)
        generation = connection.metadata.generation
        return Condition(
            type=kind,
            status=stands,
            reason=reason,
            message=message,
            observed_generation=generation,
            last_transition_time=since,
        )

    return ConnectionStatus(
        observed_generation=connection.metadata.generation,
        client_id=connection.status.client_id if isinstance(found, Problem) else found.client_id,
        object_id=connection.status.object_id if isinstance(found, Problem) else found.object_id,
        conditions=tuple(condition(kind, kinds[kind]) for kind in sorted(kinds)),
    )
