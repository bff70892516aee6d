"""What is around the objects of a cluster in memory: service accounts, ConfigMaps, and who issues tokens.

What must be true of what is written there: nothing of others is changed, what is asked for and allowed stands, what is
withdrawn is gone.
"""

import itertools
from collections.abc import Iterator

from entrafed.api.federation import Federation
from entrafed.api.outputs import (
    AUTHORITY_VARIABLE,
    CLIENT_ID_ANNOTATION,
    CLIENT_ID_VARIABLE,
    TENANT_ID_ANNOTATION,
    TENANT_ID_VARIABLE,
)
from entrafed.api.reasons import Reason
from entrafed.api.states import OutputKind
from entrafed.domain.outputs import Output
from entrafed_lab.azure import ServiceName
from entrafed_lab.azure.seed import BILLING_APP, HOME_TENANT, READER_APP, WEB_IDENTITY
from memory_cluster import MemoryCluster
from sequences import acts
from sequences.acts import Act
from sequences.book import Book
from sequences.cast import BILLING, NAMESPACES, READER, Slot

ACCOUNT = Output(OutputKind.SERVICE_ACCOUNT, "web")
MAP = Output(OutputKind.CONFIG_MAP, "entra")
KEYS = {ACCOUNT: (CLIENT_ID_ANNOTATION, TENANT_ID_ANNOTATION), MAP: (CLIENT_ID_VARIABLE, TENANT_ID_VARIABLE)}

Where = tuple[str, Output]
"""A namespace, and what is in it."""


class Surroundings:
    """They change, and are told of when they are not as they should be."""

    def __init__(self, cluster: MemoryCluster, book: Book) -> None:
        self._cluster = cluster
        self._book = book
        self._theirs: dict[tuple[str, str], str] = {}
        """Annotations that others set, by namespace and key."""
        self._foreign: set[str] = set()
        """Namespaces whose ConfigMap somebody else made."""
        self._may_stay: set[Where] = set()
        """What an object left behind that was to be retained."""
        self._touched: set[Where] = set()
        """What others ever laid hands on."""
        for namespace in NAMESPACES:
            self._make(namespace, ACCOUNT)

    # What others do

    def perform(self, act: Act) -> bool:
        """Whether the act was possible."""
        match act:
            case acts.Announce(issuers):
                turns = itertools.cycle(issuers)
                self._cluster.announces = lambda: next(turns)
                self._book.announced = issuers
                return True
            case acts.OthersAnnotate(namespace, value):
                return self._annotate(namespace, value)
            case acts.OthersChangeMap(namespace):
                if self._values(namespace, MAP) is None:
                    return False
                self._touched.add((namespace, MAP))
                self._cluster.set_value(MAP, namespace, CLIENT_ID_VARIABLE, "theirs")
                return True
            case acts.There(namespace, kind, there):
                return self._come_or_go(namespace, ACCOUNT if kind == ACCOUNT.kind else MAP, there=there)
            case _:
                raise NotImplementedError(act)

    def _annotate(self, namespace: str, value: str | None) -> bool:
        there = self._values(namespace, ACCOUNT)
        if there is None or there.get(CLIENT_ID_ANNOTATION) == value:
            return False
        self._touched.add((namespace, ACCOUNT))
        self._cluster.set_value(ACCOUNT, namespace, CLIENT_ID_ANNOTATION, value)
        if value is None:
            self._theirs.pop((namespace, CLIENT_ID_ANNOTATION), None)
        else:
            self._theirs[namespace, CLIENT_ID_ANNOTATION] = value
        return True

    def _come_or_go(self, namespace: str, output: Output, *, there: bool) -> bool:
        if there is (self._values(namespace, output) is not None):
            return False
        self._touched.add((namespace, output))
        if there:
            self._make(namespace, output)
        else:
            self._cluster.delete(output.kind, namespace, output.name)
            self._may_stay.discard((namespace, output))
            if output == ACCOUNT:
                self._theirs.pop((namespace, CLIENT_ID_ANNOTATION), None)
        if output == MAP:
            (self._foreign.add if there else self._foreign.discard)(namespace)
        return True

    def _make(self, namespace: str, output: Output) -> None:
        metadata = {"namespace": namespace, "name": output.name}
        self._cluster.apply({"apiVersion": "v1", "kind": output.kind, "metadata": metadata})
        self._cluster.set_value(output, namespace, "team", namespace)

    # What stands

    def _values(self, namespace: str, output: Output) -> dict[str, str] | None:
        return self._cluster.values(output, namespace)

    def _recorded(self, slot: Slot, output: Output) -> bool:
        """Whether a status says that something of ours stands there, or may."""
        found = self._book.found(slot)
        rows = found.status.outputs if found else ()
        return any((row.kind, row.name, bool(row.field_manager)) == (output.kind, output.name, True) for row in rows)

    def note_leaving(self, slot: Slot) -> None:
        """Note what stays of an object that goes, or of one that says so on its way."""
        if slot in self._book.specs and self._book.specs[slot].delete == "Retain":
            self._may_stay |= {(slot.namespace, output) for output in KEYS if self._recorded(slot, output)}

    # Truth

    def untruths(self) -> Iterator[str]:
        living = self._book.living()
        for namespace in NAMESPACES:
            yield from self._of_others(namespace)
            slots = [slot for slot in living if slot.namespace == namespace]
            yield from self._left_over(namespace, slots)
        for slot, found in living.items():
            if not self._book.specs[slot].suspend:
                yield from (f"{slot}: {problem}" for problem in self._of_object(slot, found))

    def _of_others(self, namespace: str) -> Iterator[str]:
        account = self._values(namespace, ACCOUNT) or {}
        for (place, key), value in self._theirs.items():
            if place == namespace and account.get(key) != value:
                yield f"others set {key} to {value} in {namespace}, and there is {account}"
        if account and account.get("team") != namespace:
            yield f"what others wrote at {ACCOUNT} of {namespace} is gone: {account}"
        if namespace in self._foreign:
            entries = self._values(namespace, MAP)
            if entries is None or {**entries, CLIENT_ID_VARIABLE: ""} != {"team": namespace, CLIENT_ID_VARIABLE: ""}:
                yield f"{MAP} of {namespace} is somebody else's, and holds {entries}"

    def _left_over(self, namespace: str, slots: list[Slot]) -> Iterator[str]:
        account, entries = self._values(namespace, ACCOUNT) or {}, self._values(namespace, MAP)
        ours = {key for key in KEYS[ACCOUNT] if key in account and (namespace, key) not in self._theirs}
        for output, stands in ((ACCOUNT, bool(ours)), (MAP, entries is not None and namespace not in self._foreign)):
            is_told = any(self._recorded(slot, output) for slot in slots)
            if stands and not is_told and (namespace, output) not in self._may_stay:
                yield f"{output} of {namespace} has more than anybody tells of: {account} {entries}"

    def _of_object(self, slot: Slot, found: Federation) -> Iterator[str]:
        rows = {Output(row.kind, row.name): row for row in found.status.outputs}
        asked = self._asked(slot)
        for output in set(rows) - set(asked):
            yield f"{output} is asked for no more, and still told of: {rows[output].reason}"
        for output, is_permitted in asked.items():
            row = rows.get(output)
            expected = self._expected(slot, output) if is_permitted else {Reason.NOT_PERMITTED, Reason.REVOKED}
            if row is None or row.reason not in expected:
                stands = self._values(slot.namespace, output)
                yield f"{output} is {row and row.reason}, not {' or '.join(sorted(expected)) or 'so'}: {stands}"

    def _asked(self, slot: Slot) -> dict[Output, bool]:
        """What an object asks for, and whether that is allowed."""
        spec, book = self._book.specs[slot], self._book
        asked = {}
        pods = next((item for item in spec.items if item.source == "pods"), None)
        if spec.annotated and pods is not None:
            asked[ACCOUNT] = book.permits(slot, pods)
        if spec.mapped:
            asked[MAP] = book.permits_target(slot)
        return asked

    def _expected(self, slot: Slot, output: Output) -> set[Reason]:
        """The reasons that a row may show; none where nothing excuses what stands."""
        there, wanted = self._values(slot.namespace, output), self._wanted(slot, output)
        is_right = there is not None and all(there.get(key) == value for key, value in wanted.items())
        if is_right and (output == ACCOUNT or self._recorded(slot, output)):
            return {Reason.SYNCED}
        if there is None and output == ACCOUNT:
            return {Reason.SERVICE_ACCOUNT_NOT_FOUND}
        excuses = set[Reason]()
        if self._is_held(slot, output):
            excuses.add(Reason.OUTPUT_CONFLICT)
        if self._book.specs[slot].drift == "Report" and (slot.namespace, output) in self._touched:
            excuses.add(Reason.DRIFTED)
        return excuses

    def _is_held(self, slot: Slot, output: Output) -> bool:
        """Whether somebody else has it: others, another object, or one that left it behind."""
        where = (slot.namespace, output)
        if where in self._may_stay or (output == MAP and slot.namespace in self._foreign):
            return True
        if output == ACCOUNT and any(namespace == slot.namespace for namespace, _ in self._theirs):
            return True
        others = [s for s in self._book.specs if s != slot and s.namespace == slot.namespace]
        return any(self._recorded(other, output) for other in others)

    def _wanted(self, slot: Slot, output: Output) -> dict[str, str]:
        clients = {READER: READER_APP, BILLING: BILLING_APP}
        azure = self._book.ground.azure
        client = clients.get(self._book.holder_of(slot)) or azure.world.identity(WEB_IDENTITY).client_id
        values = dict(zip(KEYS[output], (client, HOME_TENANT), strict=True))
        return values if output == ACCOUNT else {**values, AUTHORITY_VARIABLE: azure.url(ServiceName.LOGIN) + "/"}
