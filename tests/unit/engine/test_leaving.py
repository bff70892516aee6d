"""An object that is deleted: it takes with it what was made for it, and is let go only when that is beyond doubt."""

from typing import Any

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.errors import AzureProblem
from entrafed.domain.targets import OwnIdentity
from unit.domain.federations import (
    CREATED,
    OPERATOR,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import (
    APP,
    TIMING,
    Admitting,
    job,
    record,
    row,
    status,
)
from unit.engine.port_fakes import problem


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
