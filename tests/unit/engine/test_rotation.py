"""What an object asks for when the issuer of its cluster's tokens has changed, or when there are several."""

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.credentials import Pair
from entrafed.domain.times import to_text
from unit.domain.federations import (
    CLUSTER_ISSUER,
    CREATED_AT,
    EVERYTHING,
    ISSUER,
    Manifest,
    federation,
)
from unit.engine.admitting import AUDIENCE, TIMING, Admitting, outcome, reason, row, status

BLUE, GREEN = CLUSTER_ISSUER, "https://oidc.example/green/"
SUBJECT = "system:serviceaccount:payments:web"
ITEM: Manifest = {"name": "pods", "serviceAccount": {"name": "web"}}
CLUSTER_RULE: Manifest = {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]}


def written(issuer: str, **more: object) -> Manifest:
    """A credential for the service account, as a status records it."""
    return {
        "credentialName": f"mif-{issuer}",
        "issuer": issuer,
        "subject": SUBJECT,
        "audience": AUDIENCE,
        "origin": "Operator",
        **more,
    }


def recorded(*credentials: Manifest, item: str = "pods", **spec: object) -> Federation:
    return federation(ITEM, status=status(row(item, *credentials)), **spec)  # type: ignore[arg-type]


def pairs(*issuers: str) -> frozenset[Pair]:
    return frozenset(Pair(issuer, SUBJECT) for issuer in issuers)


def world_of(issuer: str, *, certain: bool = True) -> Admitting:
    world = Admitting()
    world.kube.issuer = issuer
    if certain:
        world.connect(EVERYTHING, clusterIssuers=[issuer])
    return world


async def wanted(world: Admitting, one: Federation) -> frozenset[Pair]:
    return frozenset(trust.pair for trust in (await world.asked(one)).wanted)


async def test_each_issuer_that_the_connection_lists_is_asked_for_and_the_cluster_is_not() -> None:
    world = Admitting()
    world.connect(EVERYTHING, clusterIssuers=[BLUE, GREEN])
    assert await wanted(world, federation(ITEM)) == pairs(BLUE, GREEN)
    assert world.kube.asked == 0


async def test_a_listed_issuer_stands_for_the_cluster_in_rules() -> None:
    world = Admitting()
    world.connect({**EVERYTHING, "federatedCredentials": [CLUSTER_RULE]}, clusterIssuers=[GREEN])
    by_address = {"name": "green", "oidc": {"issuer": GREEN, "subject": SUBJECT}}
    by_the_announced = {"name": "blue", "oidc": {"issuer": BLUE, "subject": SUBJECT}}
    admission = await world.admit(federation(by_address, by_the_announced))
    assert reason(admission, "green") is None
    assert reason(admission, "blue") is Reason.NOT_PERMITTED


async def test_a_former_issuer_is_kept_and_makes_way_where_there_is_no_room() -> None:
    ask = await world_of(GREEN).asked(recorded(written(BLUE), written(GREEN)))
    assert {trust.pair for trust in ask.wanted} == pairs(GREEN)
    assert ask.kept == ask.retiring == pairs(BLUE)
    assert ask.revoked == frozenset()


async def test_it_is_looked_at_again_when_its_grace_ends_and_kept_no_more() -> None:
    world = world_of(GREEN)
    since = to_text(world.clock.now() - TIMING.issuer_grace + 100)
    one = recorded(written(BLUE, retiringSince=since), written(GREEN))
    admission = await world.admit(one)
    assert admission.due == pytest.approx(100)
    assert admission.ask is not None
    assert admission.ask.kept == pairs(BLUE)
    world.clock.seconds += 100
    ask = await world.asked(one)
    assert ask.kept == ask.retiring == frozenset()


async def test_what_is_announced_is_not_certain_at_first_and_is_looked_at_again() -> None:
    world = world_of(GREEN, certain=False)
    admission = await world.admit(recorded(written(BLUE), written(GREEN)))
    assert admission.ask is not None
    assert admission.ask.kept == pairs(BLUE)
    assert admission.ask.retiring == frozenset()  # it may be announced after all: it makes way for nothing
    assert [one.certain for one in outcome(admission, "pods").retiring.values()] == [False]
    assert admission.due == TIMING.issuer_window
    world.clock.seconds += TIMING.issuer_window - 1  # it is admitted for a second
    admission = await world.admit(recorded(written(BLUE), written(GREEN)))
    assert [one.certain for one in outcome(admission, "pods").retiring.values()] == [True]
    assert admission.ask is not None
    assert admission.ask.retiring == pairs(BLUE)


async def test_a_status_written_by_hand_has_nothing_created_and_nothing_allowed() -> None:
    """Not even in the time in which it is not certain what is announced."""
    evil = "https://evil.example"
    world = world_of(GREEN, certain=False)
    assert await wanted(world, recorded(written(evil))) == pairs(GREEN)
    by_address = {"name": "pods", "oidc": {"issuer": evil, "subject": SUBJECT}}
    forged = federation(by_address, status=status(row("pods", written(evil))))
    assert reason(await world.admit(forged), "pods") is Reason.NOT_PERMITTED


async def test_a_former_issuer_that_no_rule_allows_any_more_is_not_kept() -> None:
    world = Admitting()
    by_address = {"issuer": GREEN, "subjects": ["system:serviceaccount:{namespace}:*"]}
    world.connect({**EVERYTHING, "federatedCredentials": [by_address]}, clusterIssuers=[GREEN])
    ask = await world.asked(recorded(written(BLUE), written(GREEN)))
    assert {trust.pair for trust in ask.wanted} == pairs(GREEN)
    assert ask.kept == frozenset()


async def test_where_the_item_itself_is_denied_all_of_it_waits_for_the_revocation() -> None:
    world = Admitting()
    world.connect({**EVERYTHING, "federatedCredentials": []}, clusterIssuers=[GREEN])
    one = federation(ITEM, status=status(row("pods", written(BLUE), deniedSince=to_text(CREATED_AT))))
    admission = await world.admit(one)
    assert reason(admission, "pods") is Reason.REVOKED
    assert admission.ask is not None
    assert admission.ask.revoked == pairs(BLUE, GREEN)
    assert admission.ask.retiring == frozenset()


async def test_of_an_item_that_is_allowed_in_part_goes_what_no_rule_allows_and_no_more() -> None:
    """As in a roll-out, under a rule that names the former issuer: its tokens are still the greater part."""
    world = Admitting()
    by_address = {"issuer": BLUE, "subjects": ["system:serviceaccount:{namespace}:*"]}
    world.connect({**EVERYTHING, "federatedCredentials": [by_address]}, clusterIssuers=[BLUE, GREEN])
    one = federation(ITEM, status=status(row("pods", written(BLUE), deniedSince=to_text(CREATED_AT))))
    admission = await world.admit(one)
    refusal = outcome(admission, "pods").problem
    assert refusal is not None
    assert refusal.reason is Reason.NOT_PERMITTED  # and not Revoked: something stands
    assert f"{SUBJECT} of {GREEN}" in refusal.message
    assert BLUE not in refusal.message
    assert admission.ask is not None
    assert admission.ask.wanted == frozenset()
    assert (admission.ask.kept, admission.ask.revoked) == (pairs(BLUE), pairs(GREEN))


async def test_an_item_that_asks_for_what_retires_has_it() -> None:
    by_address = {"name": "former", "oidc": {"issuer": BLUE, "subject": SUBJECT}}
    world = Admitting()
    anything = {"issuer": BLUE, "subjects": ["**"]}
    world.connect({**EVERYTHING, "federatedCredentials": [CLUSTER_RULE, anything]}, clusterIssuers=[GREEN])
    ask = await world.asked(federation(ITEM, by_address, status=status(row("pods", written(BLUE)))))
    assert {trust.pair for trust in ask.wanted} == pairs(BLUE, GREEN)
    assert ask.kept == ask.retiring == frozenset()


async def test_a_suspended_object_keeps_all_and_is_not_denied_for_its_former_issuer() -> None:
    admission = await world_of(GREEN).admit(recorded(written(BLUE), suspend=True))
    assert reason(admission, "pods") is Reason.SUSPENDED
    assert outcome(admission, "pods").denied_since is None
    assert admission.ask is not None
    assert admission.ask.kept >= pairs(BLUE)


@pytest.mark.parametrize(
    ("credentials", "as_recorded"),
    [
        ([written(BLUE)], True),
        ([written(BLUE, origin="PreExisting")], True),
        ([written(GREEN)], False),
        ([written(BLUE), written(GREEN)], False),
        ([written(BLUE), written(GREEN, retiringSince=to_text(CREATED_AT))], False),
        ([written(BLUE), written(GREEN, retiringSince="2020-01-01T00:00:00Z")], False),
        ([], False),
    ],
)
async def test_a_change_while_nobody_watched_is_seen_in_the_status(
    credentials: list[Manifest], as_recorded: bool
) -> None:
    world = world_of(BLUE)
    assert await world.admitter.is_as_recorded(recorded(*credentials)) is as_recorded


async def test_an_issuer_that_cannot_be_read_now_changes_nothing() -> None:
    world = Admitting()
    world.kube.issuer = None
    assert await world.admitter.is_as_recorded(recorded(written(BLUE)))
    admission = await world.admit(recorded(written(BLUE), written(ISSUER, retiringSince=to_text(CREATED_AT))))
    assert reason(admission, "pods") is Reason.ISSUER_UNKNOWN
    assert admission.ask is not None
    assert admission.ask.kept == pairs(BLUE, ISSUER)
