"""What an object may ask for, and where. Unknown never removes; nothing is told of a target that no rule allows."""

from dataclasses import replace

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed.domain.times import to_text
from unit.domain.federations import (
    CLIENT,
    CREATED,
    EVERYTHING,
    IDENTITY,
    OBJECT,
    OPERATOR,
    OTHER_TENANT,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import (
    ANOTHER_TARGET,
    APP,
    BY_NAME,
    NOTHING_ALLOWED,
    OTHER_OBJECT,
    TIMING,
    Admitting,
    job,
    reason,
    record,
    row,
    status,
)
from unit.engine.port_fakes import problem

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
    assert admission.ask.holds(f"mif-aaaaaaaa-{admission.ask.owner}-aaaaaaaa", job("a").pair)
    assert not admission.ask.holds("of-another", job("a").pair)
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


async def test_a_suspended_object_keeps_what_it_asks_for_though_that_was_never_recorded() -> None:
    world = Admitting()
    ask = await world.asked(federation(oidc("a"), suspend=True, status=status(row("a", record("x", "before")))))
    assert world.azure.calls == []
    assert ask.kept == {job("a").pair, job("before").pair}
    assert ask.holds(f"mif-aaaaaaaa-{ask.owner}-aaaaaaaa", job("a").pair)


async def test_a_withdrawn_permission_takes_effect_on_a_suspended_object_that_never_recorded_what_was_written() -> None:
    world = Admitting()
    world.connect(NOTHING_ALLOWED)
    denied = to_text(world.clock.now() - TIMING.revocation_delay)
    ask = await world.asked(federation(oidc("a"), suspend=True, status=status(row("a", deniedSince=denied))))
    assert (ask.needs_look, ask.revoked) == (True, frozenset({job("a").pair}))


async def test_a_withdrawn_permission_takes_effect_on_what_a_suspended_object_asks_for_no_longer() -> None:
    world = Admitting()
    former = row("b", record("x", "b"))
    ask = await world.asked(federation(oidc("a"), suspend=True, status=status(former)))
    assert (ask.needs_look, ask.kept) == (False, frozenset({job("a").pair, job("b").pair}))
    world.connect(NOTHING_ALLOWED)
    denied = to_text(world.clock.now() - TIMING.revocation_delay)
    ask = await world.asked(federation(oidc("a"), suspend=True, status=status({**former, "deniedSince": denied})))
    assert (ask.needs_look, ask.revoked) == (True, frozenset({job("b").pair}))
