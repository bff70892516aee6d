"""What an object may ask for, and where. Unknown never removes; nothing is told of a target that no rule allows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.credentials import Pair, Parent, ParentKind
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge
from entrafed.domain.summary import summarise
from entrafed.domain.targets import OwnIdentity
from entrafed.domain.times import to_text
from entrafed.engine.recorded import pinned_target, records_of
from unit.domain.federations import (
    CLIENT,
    CREATED,
    CREATED_AT,
    EVERYTHING,
    IDENTITY,
    ISSUER,
    OBJECT,
    OPERATOR,
    OTHER_TENANT,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import APP, AUDIENCE, TIMING, Admitting, job, outcome, reason
from unit.engine.port_fakes import problem

OTHER_OBJECT = OBJECT.replace("0b0b", "0c0c")
NOTHING_ALLOWED: Manifest = {**EVERYTHING, "federatedCredentials": []}
ANOTHER_TARGET: Manifest = {**EVERYTHING, "targets": {"applications": [OTHER_OBJECT]}}
BY_NAME: Manifest = {"application": {"uniqueName": "web"}}
PINNED: Manifest = {"clientId": CLIENT, "objectId": OBJECT, "tenantId": TENANT}


def record(name: str, item: str = "", origin: str = "Operator") -> Manifest:
    """A credential that a status says stands for `oidc(item)`."""
    return {
        "credentialName": name,
        "issuer": ISSUER,
        "subject": f"job-{item or name}",
        "audience": AUDIENCE,
        "origin": origin,
    }


def row(name: str, *credentials: Manifest, **more: Any) -> Manifest:
    return {
        "name": name,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "credentials": list(credentials),
        **more,
    }


def status(*rows: Manifest, target: Mapping[str, Any] | None = PINNED, **more: Any) -> Manifest:
    """What an earlier run has left in an object."""
    return {
        "observedGeneration": 1,
        "federatedCredentials": list(rows),
        **({"target": target} if target else {}),
        **more,
    }


def reported(one: Federation, knowledge: Knowledge, at: float, **change: Any) -> Federation:
    """The object once its status was written."""
    return replace(one, status=summarise(one, knowledge, at), **change)


# Targets


async def test_an_object_that_everything_allows_asks_for_its_items_at_its_target() -> None:
    admission = await Admitting().admit(federation(oidc("a"), oidc("b")))
    assert admission.parent == APP.parent
    assert admission.ask is not None
    assert (admission.ask.stance, admission.ask.wanted) == (Stance.RECONCILE, frozenset({job("a"), job("b")}))
    assert admission.ask.items == (("a", job("a")), ("b", job("b")))
    assert admission.knowledge.may_show_target
    assert admission.problem is None


@pytest.mark.parametrize("rules", [(), (ANOTHER_TARGET,)], ids=["no rule", "another target's"])
async def test_a_target_that_no_rule_allows_is_not_told_of(rules: tuple[Manifest, ...]) -> None:
    world = Admitting()
    world.connect(*rules)
    admission = await world.admit(federation(oidc("a")))
    assert (admission.ask, admission.parent, admission.knowledge.target) == (None, None, None)
    assert reason(admission) is Reason.NOT_PERMITTED
    assert OBJECT not in repr(admission)
    assert not rules or world.azure.names("own") == []


async def test_where_no_rule_serves_the_namespace_nothing_is_read() -> None:
    world = Admitting()
    world.connect({**EVERYTHING, "namespaces": {"names": ["billing"]}})
    for target in (BY_NAME, {"application": {"clientId": CLIENT}}, {"managedIdentity": {"resourceId": IDENTITY}}):
        assert reason(await world.admit(federation(oidc("a"), target=target))) is Reason.NOT_PERMITTED
    assert world.azure.calls == []


@pytest.mark.parametrize("there", [True, False])
async def test_whether_a_target_that_no_rule_allows_exists_is_not_told(there: bool) -> None:
    world = Admitting()
    world.connect(ANOTHER_TARGET)
    one = federation(oidc("a"), target=BY_NAME)
    if there:
        world.azure.targets[one.spec.target] = APP
    admission = await world.admit(one)
    assert reason(admission) is Reason.NOT_PERMITTED
    assert admission.problem is None


async def test_nor_is_what_azure_says_of_it() -> None:
    world = Admitting()
    world.connect(ANOTHER_TARGET)
    one = federation(oidc("a"), target=BY_NAME)
    world.azure.targets[one.spec.target] = AzureProblem(problem(Reason.ACCESS_DENIED, ProblemKind.FORBIDDEN))
    assert reason(await world.admit(one)) is Reason.NOT_PERMITTED
    world.azure.targets[one.spec.target] = AzureProblem(problem(Reason.AZURE_UNAVAILABLE))
    assert reason(await world.admit(one)) is Reason.AZURE_UNAVAILABLE  # it may be allowed: nobody knows


async def test_nor_is_the_tenant_that_it_is_in() -> None:
    world = Admitting()
    world.connect(ANOTHER_TARGET)
    one = federation(oidc("a"), target=BY_NAME)
    world.azure.targets[one.spec.target] = replace(APP, tenant_id=OTHER_TENANT)
    admission = await world.admit(one)
    assert reason(admission) is Reason.NOT_PERMITTED
    assert OTHER_TENANT not in repr(admission)


async def test_a_target_of_another_tenant_is_refused() -> None:
    world = Admitting()
    world.azure.targets[federation().spec.target] = replace(APP, tenant_id=OTHER_TENANT)
    admission = await world.admit(federation(oidc("a")))
    assert reason(admission) is Reason.IDENTITY_IN_OTHER_TENANT
    assert admission.ask is None


async def test_the_app_that_the_operator_signs_in_as_is_never_a_target() -> None:
    world = Admitting()
    world.azure.targets[federation().spec.target] = replace(APP, client_id=OPERATOR)
    everywhere = {**EVERYTHING, "targets": {"applications": [CLIENT, OPERATOR]}}
    world.connect(everywhere)
    admission = await world.admit(federation(oidc("a")))
    assert reason(admission) is Reason.NOT_PERMITTED
    assert not admission.knowledge.may_show_target
    assert admission.ask is None or admission.ask.wanted == frozenset()


async def test_another_object_under_the_name_of_the_target_is_not_taken_for_it() -> None:
    world = Admitting()
    one = federation(oidc("a"))
    world.azure.targets[one.spec.target] = replace(
        APP, parent=Parent(ParentKind.APPLICATION, TENANT, OTHER_OBJECT), object_id=OTHER_OBJECT
    )
    admission = await world.admit(federation(oidc("a"), status=status(row("a", record("x", "a")))))
    assert reason(admission) is Reason.TARGET_REPLACED
    assert admission.parent == APP.parent
    assert admission.ask is not None
    assert (admission.ask.stance, admission.ask.wanted) == (Stance.KEEP, frozenset())


async def test_a_target_that_is_missing_is_waited_for_before_it_counts_as_not_found() -> None:
    world = Admitting()
    world.azure.targets.clear()
    assert reason(await world.admit(federation(oidc("a")))) is Reason.TARGET_NOT_READY
    world.clock.seconds += TIMING.young
    assert reason(await world.admit(federation(oidc("a")))) is Reason.TARGET_NOT_FOUND


# What cannot be told for now


def unreadable(world: Admitting, what: str) -> None:
    match what:
        case "connection":
            world.objects.connections.clear()
        case "credential":
            world.connect(EVERYTHING, credential={"newer": {}})
        case "namespace":
            world.objects.namespaces.clear()
        case "target":
            world.azure.targets[federation().spec.target] = AzureProblem(problem(Reason.AZURE_UNAVAILABLE))
        case "target gone":
            world.azure.targets.clear()


UNREADABLE = pytest.mark.parametrize("what", ["connection", "credential", "namespace", "target", "target gone"])


@UNREADABLE
async def test_what_cannot_be_told_for_now_leaves_the_ask_as_it_was(what: str) -> None:
    world = Admitting()
    before = await world.asked(federation(oidc("a")))
    unreadable(world, what)
    admission = await world.admit(federation(oidc("b"), generation=2))
    assert admission.ask == before
    assert not admission.resolved
    assert admission.problem is not None


@UNREADABLE
async def test_after_a_start_what_the_status_records_is_kept(what: str) -> None:
    world = Admitting()
    unreadable(world, what)
    admission = await world.admit(federation(oidc("b"), status=status(row("a", record("x", "a")))))
    assert admission.parent == APP.parent
    assert admission.ask is not None
    assert admission.ask.stance is Stance.KEEP
    assert admission.ask.holds("any", job("a").pair)


@UNREADABLE
async def test_an_object_that_leaves_while_nothing_can_be_told_only_keeps_and_is_not_let_go(what: str) -> None:
    world = Admitting()
    await world.admit(federation(oidc("a")))
    unreadable(world, what)
    admission = await world.admit(federation(oidc("a"), deleted=CREATED, generation=2))
    assert not admission.finished
    assert admission.ask is not None
    if what not in ("target", "target gone"):  # where it is known already, the target need not be read again
        assert admission.ask.stance is Stance.KEEP


# Suspended


async def test_a_suspended_object_reads_nothing_and_keeps_what_it_has() -> None:
    world = Admitting()
    machine = {"name": "vm", "managedIdentity": {"resourceId": IDENTITY}}
    one = federation(
        oidc("a"), machine, suspend=True, status=status(row("a", record("x", "a")), row("vm", record("y")))
    )
    admission = await world.admit(one)
    assert world.azure.calls == []
    assert reason(admission) is Reason.SUSPENDED
    assert admission.ask is not None
    assert admission.ask.stance is Stance.KEEP
    assert all(admission.ask.holds(record.name, record.trust.pair) for record in admission.ask.records)


async def test_an_object_that_is_suspended_before_its_first_status_stops_at_once() -> None:
    world = Admitting()
    assert (await world.asked(federation(oidc("a")))).stance is Stance.RECONCILE
    calls = len(world.azure.calls)
    admission = await world.admit(federation(oidc("a"), generation=2, suspend=True))
    assert reason(admission) is Reason.SUSPENDED
    assert admission.ask is not None
    assert admission.ask.stance is Stance.KEEP
    assert admission.ask.holds("any", job("a").pair)
    assert len(world.azure.calls) == calls


@UNREADABLE
async def test_an_object_that_is_suspended_while_nothing_can_be_told_stops_all_the_same(what: str) -> None:
    world = Admitting()
    await world.admit(federation(oidc("a")))
    unreadable(world, what)
    admission = await world.admit(federation(oidc("a"), generation=2, suspend=True))
    assert admission.ask is not None
    assert admission.ask.stance is Stance.KEEP


async def test_a_withdrawn_permission_takes_effect_on_a_suspended_object() -> None:
    world = Admitting()
    world.connect(NOTHING_ALLOWED)
    denied = to_text(world.clock.now() - TIMING.revocation_delay)
    one = federation(oidc("a"), suspend=True, status=status(row("a", record("x", "a"), deniedSince=denied)))
    ask = await world.asked(one)
    assert (ask.stance, ask.revoked) == (Stance.KEEP, frozenset({job("a").pair}))
    assert not ask.holds("x", job("a").pair)


# Withdrawn permissions


async def test_what_is_denied_is_kept_for_a_while_and_then_revoked() -> None:
    world = Admitting()
    one = federation(oidc("a"), status=status(row("a", record("x", "a"))))
    world.connect(NOTHING_ALLOWED)
    first = await world.admit(one)
    assert first.ask is not None
    assert (first.ask.wanted, first.ask.kept, first.ask.revoked) == (
        frozenset(),
        frozenset({job("a").pair}),
        frozenset(),
    )
    assert first.due == pytest.approx(TIMING.revocation_delay)
    one = reported(one, first.knowledge, world.clock.now())
    world.clock.seconds += TIMING.revocation_delay / 2
    half = await world.admit(one)
    assert half.due == pytest.approx(TIMING.revocation_delay / 2, abs=2)
    assert half.ask is not None
    assert half.ask.kept == {job("a").pair}
    one = reported(one, half.knowledge, world.clock.now())
    world.clock.seconds += TIMING.revocation_delay / 2
    last = await world.admit(one)
    assert last.ask is not None
    assert (last.ask.kept, last.ask.revoked) == (frozenset(), frozenset({job("a").pair}))
    assert reason(last, "a") is Reason.REVOKED
    assert last.due is None


async def test_a_rule_that_comes_back_in_time_makes_as_if_nothing_had_been() -> None:
    world = Admitting()
    one = federation(oidc("a"), status=status(row("a", record("x", "a"), deniedSince=CREATED)))
    admission = await world.admit(one)
    assert admission.ask is not None
    assert (admission.ask.wanted, admission.ask.kept, admission.ask.revoked) == (
        frozenset({job("a")}),
        frozenset(),
        frozenset(),
    )
    again = reported(one, replace(admission.knowledge, finding=Finding()), world.clock.now())
    assert [item.denied_since for item in again.status.federated_credentials] == [None]


@pytest.mark.parametrize("renamed", ["b", "c"])
async def test_renaming_an_item_does_not_begin_the_delay_anew(renamed: str) -> None:
    world = Admitting()
    world.connect(NOTHING_ALLOWED)
    one = federation(oidc("a"), status=status(row("a", record("x", "a"))))
    for name in ("a", "b", renamed):
        one = replace(one, spec=federation(oidc(name, "job-a")).spec)
        admission = await world.admit(one)
        one = reported(one, admission.knowledge, world.clock.now())
        world.clock.seconds += TIMING.revocation_delay / 3
    last = await world.admit(replace(one, spec=federation(oidc("z", "job-a")).spec))
    assert last.ask is not None
    assert last.ask.revoked == {job("a").pair}


@pytest.mark.parametrize("text", ["soon", "0000-01-01T00:00:00Z", "2026-06-30T23:59:60Z", "9999-12-31T23:59:59Z"])
async def test_a_date_that_a_hand_wrote_neither_stops_the_operator_nor_defers_a_revocation(text: str) -> None:
    world = Admitting()
    world.connect(NOTHING_ALLOWED)
    one = federation(oidc("a"), status=status(row("a", record("x", "a"), deniedSince=text)))
    admission = await world.admit(one)
    assert outcome(admission, "a").denied_since == pytest.approx(world.clock.now(), abs=2)
    assert admission.due == pytest.approx(TIMING.revocation_delay)
    summarise(one, admission.knowledge, world.clock.now())


async def test_a_pair_that_another_item_may_have_is_not_revoked() -> None:
    world = Admitting()
    long_ago = row("a", record("x", "shared"), deniedSince=CREATED)
    world.connect({**EVERYTHING, "federatedCredentials": [{"issuer": ISSUER, "subjects": ["job-shared"]}]})
    ask = await world.asked(federation(oidc("a"), oidc("shared"), status=status(long_ago)))
    assert (ask.wanted, ask.revoked) == (frozenset({job("shared")}), frozenset({job("a").pair}))


async def test_a_pair_that_another_item_may_have_is_not_merely_kept() -> None:
    world = Admitting()
    world.connect({**EVERYTHING, "federatedCredentials": [{"issuer": ISSUER, "subjects": ["job-shared"]}]})
    moved = row("a", record("x", "shared"))
    ask = await world.asked(federation(oidc("a"), oidc("shared"), status=status(moved)))
    assert (ask.wanted, ask.kept) == (frozenset({job("shared")}), frozenset({job("a").pair}))


async def test_what_was_written_before_the_first_status_goes_when_its_rule_does() -> None:
    world = Admitting()
    one = federation(oidc("a"))
    await world.asked(one)
    world.connect()
    admission = await world.admit(one)
    assert (reason(admission), admission.parent) == (Reason.NOT_PERMITTED, APP.parent)
    assert admission.ask is not None
    assert admission.ask.stance is Stance.RECONCILE
    assert not admission.ask.wanted
    assert not admission.ask.holds("any", job("a").pair)
    assert not admission.knowledge.may_show_target


items = st.lists(st.sampled_from("abcd"), unique=True, max_size=4)
past = st.sampled_from([None, CREATED, to_text(CREATED_AT + 3500)])
remembered = st.lists(
    st.builds(
        lambda name, pairs, denied: row(
            name, *(record(f"x-{pair}", pair) for pair in pairs), **({"deniedSince": denied} if denied else {})
        ),
        st.sampled_from("abcde"),
        st.lists(st.sampled_from("abcde"), unique=True, max_size=2),
        past,
    ),
    unique_by=lambda one: str(one["name"]),
    max_size=4,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(names=items, rows=remembered, allowed=items, suspended=st.booleans())
async def test_what_was_written_is_wanted_kept_or_revoked_and_never_two_of_these(
    names: list[str], rows: list[Manifest], allowed: list[str], suspended: bool
) -> None:
    world = Admitting()
    subjects = [f"job-{name}" for name in allowed] or ["nothing"]
    world.connect({**EVERYTHING, "federatedCredentials": [{"issuer": ISSUER, "subjects": subjects}]})
    one = federation(*map(oidc, names), suspend=suspended, status=status(*rows))
    ask = await world.asked(one)
    wanted = {trust.pair for trust in ask.wanted}
    assert not wanted & ask.kept
    assert not wanted & ask.revoked
    assert not ask.kept & ask.revoked
    written = {r.trust.pair for r in records_of(one) if r.item in names}
    assert written - wanted - ask.kept - ask.revoked <= (
        set() if suspended else {job(n).pair for n in "abcde"} - wanted
    )
    for denied in (n for n in names if not suspended and n not in allowed):
        assert job(denied).pair in ask.kept | ask.revoked


# Leaving


def leaving(*items: Manifest, **more: Any) -> Federation:
    return federation(*items, deleted=CREATED, generation=2, **more)


async def test_one_who_leaves_takes_all_with_it_whatever_the_rules_say() -> None:
    world = Admitting()
    world.connect()
    admission = await world.admit(leaving(oidc("a"), status=status(row("a", record("x", "a")))))
    assert admission.parent == APP.parent
    assert admission.ask is not None
    assert (admission.ask.stance, admission.ask.wanted) == (Stance.LEAVE, frozenset())
    assert not admission.ask.holds("x", job("a").pair)
    assert world.azure.calls == []


async def test_a_suspended_object_that_leaves_is_cleaned_up() -> None:
    ask = await Admitting().asked(leaving(oidc("a"), suspend=True, status=status(row("a", record("x", "a")))))
    assert ask.stance is Stance.LEAVE


async def test_one_who_retains_is_let_go_at_once_even_without_a_connection() -> None:
    world = Admitting()
    world.objects.connections.clear()
    admission = await world.admit(
        leaving(oidc("a"), deletionPolicy="Retain", status=status(row("a", record("x", "a"))))
    )
    assert admission.finished
    assert world.azure.calls == []


async def test_what_is_denied_is_removed_even_from_one_who_retains() -> None:
    denied, allowed = row("a", record("x", "a"), deniedSince=CREATED), row("b", record("y", "b"))
    ask = await Admitting().asked(
        leaving(oidc("a"), oidc("b"), deletionPolicy="Retain", status=status(denied, allowed))
    )
    assert (ask.stance, ask.revoked) == (Stance.RETAIN, frozenset({job("a").pair}))


async def test_one_for_whom_nothing_was_written_is_let_go_at_once() -> None:
    world = Admitting()
    admission = await world.admit(leaving(oidc("a")))
    assert admission.finished
    assert world.azure.calls == []


async def test_one_whose_status_an_earlier_process_may_have_failed_to_write_is_looked_for() -> None:
    world = Admitting()
    one = leaving(oidc("a"))
    world.table.listed(frozenset({one.metadata.uid}))
    admission = await world.admit(one)
    assert admission.parent == APP.parent
    assert admission.ask is not None
    assert admission.ask.stance is Stance.LEAVE


async def test_one_whose_target_is_missing_is_let_go_only_when_that_is_proved() -> None:
    world = Admitting()
    world.azure.targets.clear()
    one = leaving(oidc("a"))
    world.table.listed(frozenset({one.metadata.uid}))
    assert not (await world.admit(one)).finished
    assert not (await world.admit(one)).finished
    world.clock.seconds += TIMING.gone_interval
    assert (await world.admit(one)).finished
    assert world.azure.names("own") == ["default", "default"]


@pytest.mark.parametrize(
    "own",
    [AzureProblem(problem(Reason.SIGN_IN_FAILED)), OwnIdentity(OPERATOR, "own", from_directory=False)],
    ids=["no sign-in", "not seen in the directory"],
)
async def test_a_directory_that_does_not_show_us_to_ourselves_proves_nothing(own: OwnIdentity | AzureProblem) -> None:
    world = Admitting()
    world.azure.targets.clear()
    world.azure.own = own
    one = leaving(oidc("a"))
    world.table.listed(frozenset({one.metadata.uid}))
    for _ in range(5):
        assert not (await world.admit(one)).finished
        world.clock.seconds += TIMING.gone_interval


# What a status records


def test_only_what_the_operator_made_is_a_record() -> None:
    one = federation(status=status(row("a", record("x", "a"), record("y", "b", origin="PreExisting"))))
    assert [(r.item, r.name, r.trust.pair) for r in records_of(one)] == [("a", "x", Pair(ISSUER, "job-a"))]


@pytest.mark.parametrize(
    "target",
    [
        None,
        {"clientId": CLIENT},
        {**PINNED, "objectId": "../groups/all"},
        {**PINNED, "objectId": f"{OBJECT}/owners"},
        {**PINNED, "tenantId": "common"},
        {**PINNED, "objectId": None, "resourceId": "/subscriptions/x"},
        {**PINNED, "objectId": None, "resourceId": f"{IDENTITY}?api-version=2023-01-31"},
    ],
)
def test_a_status_that_names_no_target_of_ours_pins_none(target: Manifest | None) -> None:
    assert pinned_target(federation(status=status(target=target))) is None


@pytest.mark.parametrize("shouted", [False, True])
def test_a_recorded_target_is_the_parent_that_azure_would_name(shouted: bool) -> None:
    def spelled(text: str) -> str:
        return text.upper() if shouted else text

    app = federation(status=status(target={key: spelled(value) for key, value in PINNED.items()}))
    identity = {"clientId": CLIENT, "principalId": OBJECT, "tenantId": TENANT, "resourceId": spelled(IDENTITY)}
    uami = federation(status=status(target=identity))
    pinned = pinned_target(app), pinned_target(uami)
    assert [one.parent for one in pinned if one] == [
        Parent(ParentKind.APPLICATION, TENANT, OBJECT),
        Parent(ParentKind.MANAGED_IDENTITY, TENANT, IDENTITY),
    ]


async def test_a_target_that_a_hand_recorded_is_not_believed_against_azure() -> None:
    """Whoever may write a status could else have another target cleaned of what is ours, or written to."""
    world = Admitting()
    forged = status(target={**PINNED, "objectId": OTHER_OBJECT})
    admission = await world.admit(federation(oidc("a"), status=forged))
    assert reason(admission) is Reason.TARGET_REPLACED
    assert admission.ask is not None
    assert (admission.ask.stance, admission.ask.wanted) == (Stance.KEEP, frozenset())
