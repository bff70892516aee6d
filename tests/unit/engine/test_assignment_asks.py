"""The asks at hosts, scopes and tenants that items make, and those that what is recorded makes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import Assignment, AssignmentAsk
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import ProblemKind
from entrafed.domain.findings import AssignmentOutcome, Place, Section
from entrafed.engine.assignment_asks import asks_of_items, asks_of_leaver, asks_to_keep, with_records
from entrafed.engine.assignment_records import Recorded
from unit.domain.federations import CLIENT, GROUP, OTHER_TENANT, TENANT, federation
from unit.engine.admitting import status
from unit.engine.port_fakes import SIGN_IN, problem
from unit.engine.test_assignment_records import PRINCIPAL, VM, at_host, in_tenant

HOST = Parent(ParentKind.HOST, TENANT, VM.lower())
THERE = Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT)
API = Assignment(f"{GROUP}/api", PRINCIPAL)
NEW = replace(API, value="new")
ABROAD = replace(SIGN_IN, connection="partner", tenant_id=OTHER_TENANT)
DENIED = problem(Reason.NOT_PERMITTED, ProblemKind.FORBIDDEN)
OVER = replace(DENIED, reason=Reason.REVOKED)
UNKNOWN = problem(Reason.AZURE_UNAVAILABLE)
API_ONLY, NOTHING = frozenset({API.key}), frozenset[str]()


def by_name(name: str | None) -> SignIn | None:
    return SIGN_IN if name is None else ABROAD


def allowed(_: Recorded) -> bool:
    return True


def denied(_: Recorded) -> bool:
    return False


def asked(
    one: Federation,
    *outcomes: AssignmentOutcome,
    stance: Stance = Stance.RECONCILE,
    sign_in_by: Callable[[str | None], SignIn | None] = by_name,
    is_allowed: bool = True,
) -> dict[Parent, AssignmentAsk]:
    return asks_of_items(one, outcomes, sign_in_by, stance, lambda _: is_allowed)


def web(*places: Place, **more: object) -> AssignmentOutcome:
    return AssignmentOutcome(Section.IDENTITIES, "web", places, **more)  # type: ignore[arg-type]


def test_an_item_asks_at_its_place() -> None:
    ask = asked(federation(), web(Place(HOST, API, SIGN_IN)))[HOST]
    assert (ask.wanted, ask.records, ask.stance) == (frozenset({API}), (), Stance.RECONCILE)


def test_what_is_recorded_and_wanted_no_more_is_asked_for_by_its_record_alone() -> None:
    ask = asked(at_host())[HOST]
    assert (ask.wanted, ask.kept, ask.revoked) == (frozenset(), frozenset(), frozenset())
    assert [record.assignment for record in ask.records] == [API]
    assert not ask.holds(API.key)


def test_of_an_item_that_cannot_be_told_what_is_recorded_is_kept() -> None:
    ask = asked(at_host(), web(problem=UNKNOWN))[HOST]
    assert ask.kept == {API.key}
    assert ask.holds(API.key)


def test_what_is_denied_is_kept_until_that_is_over() -> None:
    ask = asked(at_host(), web(Place(HOST, API, SIGN_IN, DENIED)))[HOST]
    assert (ask.kept, ask.revoked) == (API_ONLY, NOTHING)
    ask = asked(at_host(), web(Place(HOST, API, SIGN_IN, OVER)))[HOST]
    assert (ask.kept, ask.revoked) == (NOTHING, API_ONLY)


def test_what_is_over_goes_though_the_rest_of_the_item_cannot_be_told() -> None:
    ask = asked(at_host(), web(Place(HOST, API, SIGN_IN, OVER), problem=UNKNOWN))[HOST]
    assert (ask.kept, ask.revoked) == (NOTHING, API_ONLY)


def test_what_another_item_wants_is_neither_kept_nor_revoked() -> None:
    other = AssignmentOutcome(Section.IDENTITIES, "other", (Place(HOST, NEW, SIGN_IN),))
    ask = asked(at_host(), web(Place(HOST, API, SIGN_IN, OVER)), other)[HOST]
    assert (ask.wanted, ask.kept, ask.revoked) == (frozenset({NEW}), frozenset(), frozenset())


def test_a_denied_place_that_was_never_made_asks_for_nothing() -> None:
    assert asked(federation(), web(Place(HOST, API, SIGN_IN, DENIED))) == {}


def test_a_denied_place_is_taken_back_by_the_way_it_was_made() -> None:
    refused = AssignmentOutcome(Section.TENANTS, OTHER_TENANT, (Place(THERE, Assignment(CLIENT), SIGN_IN, OVER),))
    ask = asked(in_tenant(), refused)[THERE]
    assert (ask.sign_in, ask.revoked) == (ABROAD, frozenset({CLIENT}))


def test_a_connection_of_another_tenant_is_no_way_in_and_only_keeps() -> None:
    ask = asked(in_tenant(deletionPolicy="Delete"), sign_in_by=lambda _: SIGN_IN)[THERE]
    assert (ask.sign_in, ask.stance) == (None, Stance.KEEP)


@pytest.mark.parametrize(("policy", "is_allowed", "goes"), [("Retain", True, False), ("Retain", False, True)])
def test_what_outlives_its_item_does_so_while_a_rule_allows_it(policy: str, is_allowed: bool, goes: bool) -> None:
    asks = asked(in_tenant(deletionPolicy=policy), is_allowed=is_allowed)
    assert (THERE in asks) is goes


def test_an_object_that_nothing_is_known_of_keeps_what_is_recorded() -> None:
    for one in (at_host(), in_tenant()):
        (ask,) = asks_to_keep(one).values()
        assert (ask.stance, ask.sign_in, len(ask.records)) == (Stance.KEEP, None, 1)


def test_one_who_leaves_takes_back_what_is_recorded() -> None:
    asks = asks_of_leaver(at_host(), by_name, Stance.LEAVE, allowed)
    assert asks[HOST].stance is Stance.LEAVE
    assert asks[HOST].wanted == frozenset()


def test_one_who_leaves_without_a_connection_leaves_all_the_same() -> None:
    asks = asks_of_leaver(at_host(), lambda _: None, Stance.LEAVE, allowed)
    assert (asks[HOST].stance, asks[HOST].sign_in) == (Stance.LEAVE, None)


def test_one_who_retains_asks_nothing_of_anybody_unless_it_is_denied() -> None:
    assert asks_of_leaver(at_host(), by_name, Stance.RETAIN, allowed) == {}
    asks = asks_of_leaver(at_host(), by_name, Stance.RETAIN, denied)
    assert asks[HOST].revoked == {API.key}


def test_what_outlives_the_object_stays_unless_it_is_denied() -> None:
    assert asks_of_leaver(in_tenant(deletionPolicy="Retain"), by_name, Stance.LEAVE, allowed) == {}
    assert asks_of_leaver(in_tenant(deletionPolicy="Retain"), by_name, Stance.LEAVE, denied)[THERE].revoked == {CLIENT}


def test_asks_take_over_what_the_status_records_by_now() -> None:
    asks = asked(federation(), web(Place(HOST, API, SIGN_IN)))
    taken = with_records(asks, at_host(state="Assigning"))
    assert [record.assignment for record in taken[HOST].records] == [API]
    assert with_records(taken, federation())[HOST].records == ()


def test_what_is_made_at_home_needs_no_record() -> None:
    home = Parent(ParentKind.TENANT_APP, TENANT, CLIENT)
    ask = replace(asks_to_keep(in_tenant())[THERE], sign_in=SIGN_IN)
    kept = with_records({home: ask}, federation(status=status()))
    assert kept[home].records == ask.records
