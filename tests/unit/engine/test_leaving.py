"""An object that is deleted: it takes with it what was made for it, and is let go only when that is beyond doubt."""

from typing import Any

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.credentials import Pair
from entrafed.domain.errors import AzureProblem
from entrafed.domain.targets import OwnIdentity
from unit.domain.federations import (
    CREATED,
    EVERYTHING,
    IDENTITY,
    ISSUER,
    OPERATOR,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import (
    ANOTHER_TARGET,
    APP,
    BY_NAME,
    TIMING,
    Admitting,
    job,
    record,
    row,
    status,
)
from unit.engine.port_fakes import problem

MACHINE: Manifest = {"name": "vm", "managedIdentity": {"resourceId": IDENTITY}}
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
OF_IDENTITY = Pair(ENTRA, "principal")


def record_of_identity(name: str) -> Manifest:
    return {**record(name), "issuer": ENTRA, "subject": "principal"}


def only(*names: str) -> Manifest:
    """A rule that allows these items only."""
    subjects = [f"job-{name}" for name in names]
    return {**EVERYTHING, "federatedCredentials": [{"issuer": ISSUER, "subjects": subjects}]}


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
    world = Admitting()
    world.connect(only("b"))
    ask = await world.asked(leaving(oidc("a"), oidc("b"), deletionPolicy="Retain", status=status(denied, allowed)))
    assert (ask.stance, ask.revoked) == (Stance.RETAIN, frozenset({job("a").pair}))


async def test_what_is_denied_in_the_same_moment_is_not_retained_though_no_status_says_so() -> None:
    world = Admitting()
    world.connect(only("b"))
    written = status(row("a", record("x", "a")), row("b", record("y", "b")), row("vm", record_of_identity("z")))
    one = leaving(oidc("a"), oidc("b"), MACHINE, deletionPolicy="Retain", status=written)
    assert (await world.asked(one)).revoked == {job("a").pair, OF_IDENTITY}
    assert world.azure.calls == []


async def test_what_is_allowed_again_is_retained_though_the_status_still_says_denied() -> None:
    denied = row("a", record("x", "a"), deniedSince=CREATED)
    admission = await Admitting().admit(leaving(oidc("a"), deletionPolicy="Retain", status=status(denied)))
    assert admission.finished


async def test_what_was_denied_stays_denied_where_the_rules_cannot_be_asked() -> None:
    world = Admitting()
    one = leaving(oidc("a"), deletionPolicy="Retain", status=status(row("a", record("x", "a"), deniedSince=CREATED)))
    world.objects.namespaces.clear()
    assert not (await world.admit(one)).finished


@pytest.mark.parametrize("rules", [(), (ANOTHER_TARGET,)], ids=["no rule", "no rule for the target"])
async def test_nothing_is_retained_at_a_target_that_no_rule_allows_any_more(rules: tuple[Manifest, ...]) -> None:
    world = Admitting()
    world.connect(*rules)
    one = leaving(oidc("a"), deletionPolicy="Retain", status=status(row("a", record("x", "a"))))
    assert (await world.asked(one)).revoked == {job("a").pair}


async def test_what_was_written_just_now_and_is_denied_is_not_retained_for_want_of_a_record() -> None:
    world = Admitting()
    await world.admit(federation(oidc("a"), MACHINE, deletionPolicy="Retain"))
    world.connect()
    assert {
        pair.subject for pair in (await world.asked(leaving(oidc("a"), MACHINE, deletionPolicy="Retain"))).revoked
    } == {
        "job-a",
        "principal",
    }


async def test_what_a_process_before_may_have_written_and_is_denied_is_not_retained() -> None:
    world = Admitting()
    one = leaving(oidc("a"), deletionPolicy="Retain")
    world.table.listed(frozenset({one.metadata.uid}))
    world.connect()
    assert (await world.asked(one)).revoked == {job("a").pair}


async def test_one_who_was_never_allowed_anything_is_let_go_at_once() -> None:
    world = Admitting()
    world.connect()
    one = leaving(oidc("a"), deletionPolicy="Retain", status=status(row("a", deniedSince=CREATED)))
    world.table.listed(frozenset({one.metadata.uid}))
    assert (await world.admit(one)).finished
    assert world.azure.calls == []


async def test_an_application_that_rules_may_know_by_another_id_is_not_taken_for_denied() -> None:
    world = Admitting()
    one = leaving(oidc("a"), target=BY_NAME, deletionPolicy="Retain", status=status(target=None))
    assert (await world.admit(one)).finished


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
