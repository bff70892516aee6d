"""What a rule allowed is kept for a while after it is withdrawn, then removed; nothing that users do defers that."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.findings import Finding, Knowledge, Left
from entrafed.domain.summary import summarise
from entrafed.domain.times import to_text
from entrafed.engine.recorded import records_of
from unit.domain.federations import (
    CREATED,
    CREATED_AT,
    EVERYTHING,
    GROUP,
    ISSUER,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import (
    APP,
    NOTHING_ALLOWED,
    TIMING,
    Admitting,
    job,
    outcome,
    reason,
    record,
    row,
    status,
)
from unit.engine.port_fakes import HandClock
from unit.engine.settling import standing


def reported(one: Federation, knowledge: Knowledge, at: float, **change: Any) -> Federation:
    """The object once its status was written."""
    return replace(one, status=summarise(one, knowledge, at), **change)


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


class RestlessClock(HandClock):
    """Time that goes on with every look at it."""

    def now(self) -> float:
        self.seconds += 1
        return self.seconds


@pytest.mark.parametrize("left", range(-1, 6))
async def test_at_no_moment_is_it_revoked_and_not_told_so(left: int) -> None:
    world = Admitting(clock=RestlessClock(CREATED_AT + 3600))
    world.connect(NOTHING_ALLOWED)
    since = to_text(world.clock.seconds + left - TIMING.revocation_delay)
    admission = await world.admit(federation(oidc("a"), status=status(row("a", record("x", "a"), deniedSince=since))))
    assert admission.ask is not None
    is_told = reason(admission, "a") is Reason.REVOKED
    assert (bool(admission.ask.revoked), admission.due is None) == (is_told, is_told)


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


# What an item was before


def allowing(*names: str, **rule: Any) -> Manifest:
    subjects = [f"job-{name}" for name in names]
    return {**EVERYTHING, "federatedCredentials": [{"issuer": ISSUER, "subjects": subjects, **rule}]}


@pytest.mark.parametrize("suspended", [True, False])
async def test_each_pair_that_was_written_for_an_item_is_judged_for_itself(suspended: bool) -> None:
    world = Admitting()
    world.connect(allowing("new"))
    both = status(row("a", record("x", "old"), record("y", "new")))
    one = federation(oidc("a", "job-new"), suspend=suspended, status=both)
    first = await world.admit(one)
    assert reason(first, "a") is (Reason.SUSPENDED if suspended else None)
    assert first.due == pytest.approx(TIMING.revocation_delay)
    assert first.ask is not None
    assert first.ask.revoked == frozenset()
    assert first.ask.kept == ({job("old").pair, job("new").pair} if suspended else frozenset())
    finding = Finding(left=(Left(standing("x", job("old")), None), Left(standing("y", job("new")), None)))
    one = reported(one, replace(first.knowledge, finding=finding), world.clock.now())
    assert one.status.federated_credentials[0].denied_since is not None
    world.clock.seconds += TIMING.revocation_delay
    last = await world.admit(one)
    assert last.ask is not None
    assert last.ask.revoked == {job("old").pair}
    assert last.ask.kept == ({job("new").pair} if suspended else frozenset())


async def test_what_an_item_was_before_and_a_rule_still_allows_is_not_revoked_with_what_it_is_now() -> None:
    world = Admitting()
    world.connect(allowing("old"))
    one = federation(oidc("a", "job-new"), status=status(row("a", record("x", "old"), deniedSince=CREATED)))
    admission = await world.admit(one)
    assert reason(admission, "a") is Reason.REVOKED
    assert admission.ask is not None
    assert admission.ask.kept == {job("old").pair}
    assert admission.ask.revoked == {job("new").pair}


async def test_what_was_an_identity_is_spared_as_long_as_the_rules_allow_any() -> None:
    former = {**record("x"), "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "subject": "principal"}
    one = federation(oidc("a"), status=status(row("a", former)))
    world = Admitting()
    assert outcome(await world.admit(one), "a").denied == frozenset()
    world.connect(allowing("a"))
    assert {pair.subject for pair in outcome(await world.admit(one), "a").denied} == {"principal"}


async def test_an_issuer_that_cannot_be_read_denies_nothing_of_what_an_item_was_before() -> None:
    world = Admitting()
    cluster = {"issuer": "cluster", "subjects": ["**"]}
    world.connect({**EVERYTHING, "federatedCredentials": [cluster, {"issuer": ISSUER, "subjects": ["job-new"]}]})
    one = federation(oidc("a", "job-new"), status=status(row("a", record("x", "old"))))
    assert outcome(await world.admit(one), "a").denied == {job("old").pair}
    world.kube.issuer = None
    world.clock.seconds += TIMING.issuer_window
    assert outcome(await world.admit(one), "a").denied == frozenset()


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


async def test_what_was_written_before_the_first_status_goes_a_while_after_its_rule() -> None:
    world = Admitting()
    one = federation(oidc("a"))
    await world.asked(one)
    world.connect()
    first = await world.admit(one)
    assert (reason(first), first.parent, first.due) == (Reason.NOT_PERMITTED, APP.parent, TIMING.revocation_delay)
    assert first.ask is not None
    assert (first.ask.stance, first.ask.wanted) == (Stance.KEEP, frozenset())
    one = reported(one, first.knowledge, world.clock.now())
    assert one.status.target is None
    world.clock.seconds += TIMING.revocation_delay
    last = await world.admit(one)
    assert last.ask is not None
    assert last.ask.stance is Stance.LEAVE
    assert not last.ask.holds("any", job("a").pair)
    assert (last.due, last.resolved, last.knowledge.may_show_target) == (None, False, False)
    world.table.note(last.ask, Finding(clean=True))
    assert (await world.admit(one)).ask is None
    assert (await world.admit(one)).ask is None


@pytest.mark.parametrize("text", ["soon", "0000-01-01T00:00:00Z", "2026-06-30T23:59:60Z", "9999-12-31T23:59:59Z"])
async def test_a_date_that_a_hand_wrote_does_not_defer_what_the_status_never_told_of(text: str) -> None:
    world = Admitting()
    denied = {
        "type": "Permitted",
        "status": "False",
        "reason": "NotPermitted",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": text,
    }
    one = federation(oidc("a"), status=status(target=None, conditions=[denied]))
    world.table.listed(frozenset({one.metadata.uid}))
    world.connect()
    assert (await world.admit(one)).due == pytest.approx(TIMING.revocation_delay)


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


async def test_what_an_item_was_before_goes_with_its_rule_though_nobody_knows_what_it_is_now() -> None:
    world = Admitting()
    world.connect({**allowing("other"), "federatedCredentials": [{"managedIdentities": [f"{GROUP}/*"]}]})
    missing = {"name": "a", "managedIdentity": {"resourceId": f"{GROUP}/missing"}}
    one = federation(missing, status=status(row("a", record("x", "old"))))
    first = await world.admit(one)
    assert first.ask is not None
    assert reason(first, "a") is Reason.IDENTITY_NOT_FOUND
    assert first.ask.kept == {job("old").pair}
    one = reported(one, first.knowledge, world.clock.now())
    world.clock.seconds += TIMING.revocation_delay
    last = await world.admit(one)
    assert last.ask is not None
    assert reason(last, "a") is Reason.IDENTITY_NOT_FOUND
    assert last.ask.revoked == {job("old").pair}
