"""Plan then apply gives what was asked; a second plan is empty; what is foreign stays as it was."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.choices import DriftPolicy
from entrafed.api.connection import CloudName
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Ask, Record, Stance
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import LIMIT, NewCredential, ObservedCredential, Pair, Trust
from entrafed.domain.marks import Mark, owner_mark, pair_mark
from entrafed.domain.plan import Create, Delete, Plan, Step, Update, Verdict, plan

CLUSTER, OTHER_CLUSTER = "aaaaaaaa", "bbbbbbbb"
SIGN_IN = SignIn("default", CloudName.AZURE_PUBLIC, "tenant", "client", "https://l", "https://g", "https://a")


def trust(subject: str, audience: str = "api://x") -> Trust:
    return Trust(Pair("https://issuer.example", subject), audience)


def ask(name: str, *trusts: Trust, stance: Stance = Stance.RECONCILE, since: float = 0) -> Ask:
    return Ask(
        uid=name,
        owner=owner_mark("payments", name),
        namespace="payments",
        name=name,
        sign_in=SIGN_IN,
        stance=stance,
        drift=DriftPolicy.REPAIR,
        since=since,
        wanted=frozenset(trusts),
    )


def standing(name: str, content: Trust) -> ObservedCredential:
    return NewCredential(name, content, "").written


def named(owner: str, content: Trust, cluster: str = CLUSTER) -> str:
    return str(Mark(cluster, owner_mark("payments", owner), pair_mark(content.pair)))


def planned(there: list[ObservedCredential], *asks: Ask, may_remove: bool = True) -> Plan:
    return plan(there, asks, clusters=(CLUSTER,), may_remove=may_remove)


def apply(there: list[ObservedCredential], steps: tuple[Step, ...]) -> list[ObservedCredential]:
    """What Azure holds after the steps; refuses what Azure refuses: a 21st, a second name, a second pair."""
    now = {c.name: c for c in there}
    for step in steps:
        match step:
            case Create(new):
                assert new.name not in now
                assert new.trust.pair not in {c.pair for c in now.values()}
                now[new.name] = standing(new.name, new.trust)
                assert len(now) <= LIMIT
            case Update(new):
                assert new.name in now
                assert new.trust.pair not in {c.pair for name, c in now.items() if name != new.name}
                now[new.name] = standing(new.name, new.trust)
            case Delete(name):
                del now[name]
    return list(now.values())


A, B, C = trust("a"), trust("b"), trust("c")


def test_what_is_asked_for_and_missing_is_created_under_its_mark() -> None:
    (step,) = planned([], ask("web", A)).steps
    assert isinstance(step, Create)
    assert (step.credential.name, step.credential.trust) == (named("web", A), A)


def test_a_credential_made_by_others_is_never_changed_or_deleted() -> None:
    there = [standing("by-hand", B), standing(named("web", C, OTHER_CLUSTER), C)]
    assert planned(there, ask("web")).steps == ()


def test_an_equal_credential_of_others_satisfies_the_item() -> None:
    result = planned([standing("by-hand", A)], ask("web", A))
    assert result.steps == ()
    assert result.verdicts[A].preexisting


def test_a_foreign_credential_with_another_audience_is_a_conflict_and_stays() -> None:
    result = planned([standing("by-hand", trust("a", "api://other"))], ask("web", A))
    assert result.steps == ()
    assert result.verdicts[A].reason is Reason.CREDENTIAL_CONFLICT


def test_a_changed_pair_is_made_before_the_old_one_is_removed() -> None:
    steps = planned([standing(named("web", A), A)], ask("web", B)).steps
    assert [type(s) for s in steps] == [Create, Delete]


def test_without_room_one_removal_comes_first() -> None:
    there = [standing(f"foreign-{n}", trust(f"f{n}")) for n in range(19)] + [standing(named("web", A), A)]
    steps = planned(there, ask("web", B)).steps
    assert [type(s) for s in steps] == [Delete, Create]
    apply(there, steps)


def of(issuer: str) -> Trust:
    """A service account's trust, by the cluster's issuer."""
    return Trust(Pair(f"https://oidc.example/{issuer}", "system:serviceaccount:payments:web"), "api://x")


def rotating(name: str, since: float = 0) -> Ask:
    """The issuer of its service account has changed from old to new."""
    old = of("old").pair
    record = Record("pods", named(name, of("old")), of("old"))
    asks = ask(name, of("new"), since=since)
    return replace(asks, kept=frozenset({old}), retiring=frozenset({old}), records=(record,))


def filled(*there: ObservedCredential) -> list[ObservedCredential]:
    """So many of others besides that there is no room."""
    return [*there, *(standing(f"foreign-{n}", trust(f"f{n}")) for n in range(LIMIT - len(there)))]


def test_what_retires_stays_where_there_is_room() -> None:
    steps = planned([standing(named("web", of("old")), of("old"))], rotating("web")).steps
    assert [type(s) for s in steps] == [Create]


def test_without_room_what_retires_makes_way_for_its_successor_only() -> None:
    there = filled(standing(named("web", of("old")), of("old")))
    assert planned(there, ask("other", A), replace(rotating("web"), wanted=frozenset())).steps == ()
    steps = planned(there, ask("other", A), rotating("web")).steps
    assert [type(s) for s in steps] == [Delete, Create]
    assert [s.credential.trust for s in steps if isinstance(s, Create)] == [of("new")]
    apply(there, steps)


@pytest.mark.parametrize("issuers", [("older", "younger"), ("younger", "older")])
def test_of_two_that_retire_the_one_that_does_so_for_longest_makes_way(issuers: tuple[str, str]) -> None:
    first, second = issuers
    there = filled(*(standing(named("web", of(issuer)), of(issuer)) for issuer in issuers))
    records = tuple(
        Record("pods", named("web", of(issuer)), of(issuer), retiring_since=since)
        for issuer, since in ((first, 100.0), (second, 200.0))
    )
    former = frozenset(of(issuer).pair for issuer in issuers)
    rotated = replace(ask("web", of("new")), kept=former, retiring=former, records=records)
    assert planned(there, rotated).steps[0] == Delete(named("web", of(first)))


def test_the_room_that_was_made_is_the_successors_though_others_waited_longer() -> None:
    there = filled(standing(named("web", of("old")), of("old")))
    asks = [ask("older", A, since=-1), rotating("web")]
    first = planned(there, *asks).steps[0]
    result = planned(apply(there, (first,)), *asks)
    assert [s.credential.trust for s in result.steps if isinstance(s, Create)] == [of("new")]
    assert result.verdicts[A].reason is Reason.QUOTA_EXCEEDED


def test_what_others_hold_makes_no_way() -> None:
    there = filled(standing(named("web", of("old")), of("old")))
    result = planned(there, rotating("web"), ask("other", of("old")))
    assert result.steps == ()
    assert result.verdicts[of("new")].reason is Reason.QUOTA_EXCEEDED


def test_nor_does_what_azure_refuses_a_successor() -> None:
    there = filled(standing(named("web", of("old")), of("old")))
    steps = plan(there, [rotating("web")], clusters=(CLUSTER,), may_remove=True, stuck=frozenset({of("new")})).steps
    assert [type(s) for s in steps] == [Create]  # which is not to be taken now


def test_twenty_foreign_credentials_are_reported_and_left_alone() -> None:
    result = planned([standing(f"foreign-{n}", trust(f"f{n}")) for n in range(20)], ask("web", A))
    assert result.steps == ()
    assert result.verdicts[A].reason is Reason.QUOTA_EXCEEDED


def test_a_changed_audience_is_an_update() -> None:
    there = [standing(named("web", A), A)]
    (step,) = planned(there, ask("web", trust("a", "api://other"))).steps
    assert isinstance(step, Update)


def test_other_content_under_a_full_mark_of_ours_is_drift_and_is_put_right() -> None:
    there = [standing(named("web", A), B)]
    steps = planned(there, ask("web", A)).steps
    assert [type(s) for s in steps] == [Update]  # a list may be old: what stands right already is not broken for it
    assert apply(there, steps) == [standing(named("web", A), A)]


def test_two_that_somebody_swapped_are_put_right() -> None:
    there = [standing(named("web", A), B), standing(named("web", B), A)]
    after = apply(there, planned(there, ask("web", A, B)).steps)
    assert {c.name: c.pair for c in after} == {named("web", A): A.pair, named("web", B): B.pair}


def test_what_cannot_be_overwritten_makes_way() -> None:
    flexible = ObservedCredential(named("web", A), "https://issuer.example", None, ("api://x",), "claims['sub'] eq 'x'")
    steps = planned([flexible], ask("web", A)).steps
    assert [type(s) for s in steps] == [Delete, Create]


def test_of_two_audiences_for_one_pair_the_one_that_stands_holds() -> None:
    older, younger = ask("old", trust("a", "api://new"), since=1), ask("young", A, since=2)
    result = planned([standing(named("young", A), A)], older, younger)
    assert result.steps == ()
    assert result.verdicts[trust("a", "api://new")].reason is Reason.AUDIENCE_CONFLICT


def test_the_audience_of_an_object_that_is_only_kept_is_not_overruled_by_another() -> None:
    name = named("old", A)
    kept = replace(ask("old", stance=Stance.KEEP), records=(Record("item", name, A),))
    other = ask("young", trust("a", "api://new"), since=1)
    for there in ([standing(name, A)], [standing(name, trust("a", "api://drifted"))], []):
        result = planned(there, kept, other)
        assert result.steps == ()
        assert result.verdicts[trust("a", "api://new")].reason is Reason.AUDIENCE_CONFLICT


def test_a_shared_pair_is_one_credential_and_goes_with_the_last() -> None:
    there = [standing(named("one", A), A)]
    leaving = ask("one", stance=Stance.LEAVE)
    assert planned(there, leaving, ask("two", A)).steps == ()
    assert planned(there, leaving).steps == (Delete(named("one", A)),)


def test_of_several_that_leave_the_last_decides() -> None:
    there = [standing(named("one", A), A)]
    two = replace(ask("two", stance=Stance.RETAIN, since=2), records=(Record("x", named("one", A), A),))
    assert planned(there, ask("one", stance=Stance.LEAVE, since=1), two).steps == ()
    assert planned(there, ask("one", stance=Stance.LEAVE, since=3), two).steps == (Delete(named("one", A)),)


def test_retain_leaves_everything_but_what_is_revoked() -> None:
    there = [standing(named("one", A), A), standing(named("one", B), B)]
    retain = replace(ask("one", stance=Stance.RETAIN), revoked=frozenset({B.pair}))
    assert planned(there, retain).steps == (Delete(named("one", B)),)


def test_a_suspended_object_keeps_what_it_has() -> None:
    assert planned([standing(named("one", A), A)], ask("one", stance=Stance.KEEP)).steps == ()


def test_a_suspended_object_does_not_keep_alive_what_only_another_asked_for_and_lets_go() -> None:
    there, had = [standing(named("one", A), A)], (Record("item", named("one", A), A),)
    leaving = replace(ask("two", stance=Stance.LEAVE), records=had)
    assert planned(there, ask("one", stance=Stance.KEEP), leaving).steps == (Delete(named("one", A)),)
    unknown = replace(ask("one", stance=Stance.KEEP), sign_in=None)
    assert planned(there, unknown, leaving).steps == ()


def test_nothing_is_removed_before_everybody_was_heard() -> None:
    assert planned([standing(named("one", A), A)], ask("one"), may_remove=False).steps == ()


def test_a_mark_without_an_owner_is_an_orphan_and_stays() -> None:
    result = planned([standing(named("gone", A), A)], ask("web"))
    assert (result.steps, result.orphans) == ((), (named("gone", A),))


def test_a_flexible_credential_of_others_without_a_subject_is_no_obstacle() -> None:
    flexible = ObservedCredential("flexible", "https://issuer.example", None, ())
    assert len(planned([flexible], ask("web", A)).steps) == 1


BRANCHES = Trust(Pair("https://issuer.example", expression="claims['sub'] matches 'a*'"), "api://x")


def test_a_flexible_credential_is_created_once_and_then_stands() -> None:
    (step,) = planned([], ask("web", BRANCHES)).steps
    assert isinstance(step, Create)
    assert (step.credential.name, step.credential.trust) == (named("web", BRANCHES), BRANCHES)
    assert planned([standing(named("web", BRANCHES), BRANCHES)], ask("web", BRANCHES)).steps == ()


def test_a_subject_that_reads_like_the_expression_is_another_pair() -> None:
    lookalike = trust(BRANCHES.pair.expression)
    result = planned([standing("by-hand", lookalike)], ask("web", BRANCHES))
    assert [type(step) for step in result.steps] == [Create]


@pytest.mark.parametrize("audience", [BRANCHES.audience, "api://other"])
def test_beside_ours_a_credential_of_others_that_means_the_same_means_nothing(audience: str) -> None:
    theirs = standing("by-hand", replace(BRANCHES, audience=audience))
    result = planned([theirs, standing(named("web", BRANCHES), BRANCHES)], ask("web", BRANCHES))
    assert result.steps == ()
    assert result.verdicts == {BRANCHES: Verdict(Reason.SYNCED, named("web", BRANCHES))}


def doubles() -> tuple[ObservedCredential, ObservedCredential]:
    """Two of ours for one expression, spelled in two ways; the first serves."""
    first, second = sorted(named(owner, BRANCHES) for owner in ("one", "two"))
    return standing(first, BRANCHES), standing(second, BRANCHES)


def test_of_two_of_ours_that_mean_the_same_one_serves_and_the_other_goes() -> None:
    first, second = doubles()
    result = planned([first, second], ask("one", BRANCHES), ask("two", BRANCHES))
    assert result.steps == (Delete(second.name),)
    assert result.verdicts[BRANCHES].name == first.name
    assert planned([first], ask("one", BRANCHES), ask("two", BRANCHES)).steps == ()


def test_of_two_of_ours_that_mean_the_same_that_of_nobody_who_lives_is_an_orphan() -> None:
    first, second = doubles()
    (living,) = (owner for owner in ("one", "two") if named(owner, BRANCHES) == first.name)
    result = planned([first, second], ask(living, BRANCHES))
    assert (result.steps, result.orphans) == ((), (second.name,))


def test_of_two_of_ours_that_mean_the_same_that_of_one_who_only_keeps_stays_his() -> None:
    first, second = doubles()
    records = (Record("item", second.name, BRANCHES),)
    keeping = replace(ask("idle", stance=Stance.KEEP), records=records)
    result = planned([first, second], ask("other", BRANCHES), keeping)
    assert (result.steps, result.orphans) == ((), ())


def test_an_expression_that_others_changed_is_put_right() -> None:
    name = named("web", BRANCHES)
    changed = replace(standing(name, BRANCHES), expression="claims['sub'] matches '*'")
    assert [type(step) for step in planned([changed], ask("web", BRANCHES)).steps] == [Update]


def test_an_equal_flexible_credential_of_others_is_left_alone() -> None:
    result = planned([standing("by-hand", BRANCHES)], ask("web", BRANCHES))
    assert (result.steps, result.verdicts[BRANCHES].preexisting) == ((), True)


def test_a_kept_pair_stays_even_under_a_wrong_name() -> None:
    keeping = replace(ask("web"), kept=frozenset({B.pair}))
    assert planned([standing(named("web", A), B)], keeping).steps == ()


def test_a_kept_pair_makes_way_where_its_name_is_wanted_back() -> None:
    there = [standing(named("web", A), B)]
    denied = replace(ask("web", A), kept=frozenset({B.pair}))
    suspended = replace(
        ask("idle", stance=Stance.KEEP), kept=frozenset({B.pair}), records=(Record("b", named("idle", B), B),)
    )
    for result in (planned(there, denied), planned(there, ask("web", A), suspended)):
        assert apply(there, result.steps) == [standing(named("web", A), A)]


def test_who_would_keep_a_pair_that_it_never_had_does_not_shield_what_others_put_under_another_s_name() -> None:
    suspended = replace(ask("idle", stance=Stance.KEEP), kept=frozenset({B.pair}))
    result = planned([standing(named("web", A), B)], ask("web", A), suspended)
    assert apply([standing(named("web", A), B)], result.steps) == [standing(named("web", A), A)]


def test_drift_that_is_only_to_be_reported_is_not_put_right() -> None:
    reporting = replace(ask("web", A), drift=DriftPolicy.REPORT, records=(Record("x", named("web", A), A),))
    for there in ([], [standing(named("web", A), trust("a", "api://other"))], [standing(named("web", A), B)]):
        result = planned(there, reporting)
        assert result.steps == ()
        assert result.verdicts[A] == Verdict(Reason.DRIFTED, named("web", A), stands=there[0] if there else None)


def test_drift_in_the_place_of_what_was_never_written_is_only_told_too() -> None:
    """Its spec asks for another audience by now than was written."""
    drifted = standing(named("web", A), B)
    result = planned([drifted], replace(ask("web", A), drift=DriftPolicy.REPORT))
    assert (result.steps, result.verdicts[A].reason, result.verdicts[A].stands) == ((), Reason.DRIFTED, drifted)


def test_drift_of_one_who_wants_only_to_be_told_makes_way_for_another_who_wants_it_repaired() -> None:
    there = [standing(named("told", A), B)]
    told = replace(ask("told", A, since=1), drift=DriftPolicy.REPORT, records=(Record("x", named("told", A), A),))
    repaired = planned(there, told, ask("repaired", A, since=2))
    assert [type(step) for step in repaired.steps] == [Update]
    assert apply(there, repaired.steps) == [standing(named("told", A), A)]


def test_drift_of_what_another_s_mark_is_on_is_only_told_too() -> None:
    """Two shared it, and the one whose mark it carries is gone."""
    name = named("gone", A)
    reporting = replace(ask("web", A), drift=DriftPolicy.REPORT, records=(Record("x", name, A),))
    changed = standing(name, B)
    result = planned([changed], reporting)
    assert result.steps == ()
    assert result.verdicts[A] == Verdict(Reason.DRIFTED, name, stands=changed)


def test_a_status_written_by_hand_has_nothing_told_of_a_credential_of_another_pair() -> None:
    others = standing(named("other", B), B)
    forged = replace(ask("web", A), drift=DriftPolicy.REPORT, records=(Record("x", others.name, A),))
    assert planned([others], forged, ask("other", B)).verdicts[A] == Verdict(Reason.DRIFTED, named("web", A))


def test_what_was_never_written_is_created_under_either_drift_policy() -> None:
    assert len(planned([], replace(ask("web", A), drift=DriftPolicy.REPORT)).steps) == 1


def test_drift_is_put_right_when_one_of_those_who_share_it_wants_that() -> None:
    reporting = replace(ask("web", A), drift=DriftPolicy.REPORT, records=(Record("x", named("web", A), A),))
    assert len(planned([], reporting, ask("other", A)).steps) == 1


def test_what_stood_for_an_item_stays_while_its_new_trust_cannot_be_written() -> None:
    there = [standing(named("web", A), A), standing(named("web", C), C)]
    changed = replace(ask("web", B), items=(("x", B),), records=(Record("x", named("web", A), A),))
    steps = plan(there, [changed], clusters=(CLUSTER,), may_remove=True, stuck=frozenset({B})).steps
    assert [s for s in steps if isinstance(s, Delete)] == [Delete(named("web", C))]


def test_what_stood_for_an_item_stays_while_somebody_else_holds_its_new_pair() -> None:
    conflict = standing("by-hand", trust("b", "api://other"))
    changed = replace(ask("web", B), items=(("x", B),), records=(Record("x", named("web", A), A),))
    assert planned([standing(named("web", A), A), conflict], changed).steps == ()


def test_what_stood_for_an_item_goes_when_its_new_trust_stands() -> None:
    there = [standing(named("web", A), A), standing("by-hand", B)]
    changed = replace(ask("web", B), items=(("x", B),), records=(Record("x", named("web", A), A),))
    assert planned(there, changed).steps == (Delete(named("web", A)),)


def test_what_stood_for_an_item_does_not_outlive_its_permission_for_want_of_a_successor() -> None:
    changed = replace(
        ask("web", B), items=(("x", B),), records=(Record("x", named("web", A), A),), revoked=frozenset({A.pair})
    )
    steps = plan([standing(named("web", A), A)], [changed], clusters=(CLUSTER,), may_remove=True, stuck=frozenset({B}))
    assert [s for s in steps.steps if isinstance(s, Delete)] == [Delete(named("web", A))]


def test_what_cannot_be_written_takes_no_room_from_what_can() -> None:
    there = [standing(f"foreign-{n}", trust(f"f{n}")) for n in range(19)]
    steps = plan(there, [ask("web", A, B)], clusters=(CLUSTER,), may_remove=True, stuck=frozenset({A})).steps
    assert [s.credential.trust for s in steps if isinstance(s, Create)] == [B, A]


def crowd(number: int) -> list[ObservedCredential]:
    return [standing(f"foreign-{n}", trust(f"f{n}")) for n in range(number)]


def test_an_item_of_two_credentials_for_which_there_is_one_place_gets_none_and_leaves_it_to_others() -> None:
    asked = replace(ask("web", A, B, C), items=(("both", A), ("both", B), ("one", C)))
    result = planned(crowd(LIMIT - 1), asked)
    assert [s.credential.trust for s in result.steps if isinstance(s, Create)] == [C]
    assert {t for t, v in result.verdicts.items() if v.reason is Reason.QUOTA_EXCEEDED} == {A, B}


def test_of_two_items_of_two_credentials_the_first_gets_the_two_places_that_there_are() -> None:
    asked = tuple(
        (item, Trust(Pair(issuer, item), "api://x"))
        for issuer in ("https://blue.example", "https://green.example")
        for item in ("first", "second")
    )
    result = planned(crowd(LIMIT - 2), replace(ask("web", *(t for _, t in asked)), items=asked))
    created = {s.credential.trust for s in result.steps if isinstance(s, Create)}
    assert created == {t for item, t in asked if item == "first"}


def test_what_stood_for_an_item_stays_where_its_two_successors_find_one_place() -> None:
    there = [*crowd(LIMIT - 1), standing(named("web", C), C)]
    edited = replace(ask("web", A, B), items=(("x", A), ("x", B)), records=(Record("x", named("web", C), C),))
    result = planned(there, edited)
    assert result.steps == ()
    assert {v.reason for v in result.verdicts.values()} == {Reason.QUOTA_EXCEEDED}


def test_half_of_an_item_is_made_where_another_item_asks_for_just_that() -> None:
    asked = replace(ask("web", A, B), items=(("both", A), ("both", B), ("one", A)))
    result = planned(crowd(LIMIT - 1), asked)
    assert [s.credential.trust for s in result.steps if isinstance(s, Create)] == [A]


def test_an_item_that_azure_refuses_half_of_says_that_and_not_that_there_is_no_room() -> None:
    asked = replace(ask("web", A, B), items=(("both", A), ("both", B)))
    result = plan(crowd(LIMIT), [asked], clusters=(CLUSTER,), may_remove=True, stuck=frozenset({A}))
    assert {t: v.reason for t, v in result.verdicts.items()} == {B: Reason.QUOTA_EXCEEDED}


pairs = [
    *(Pair("https://issuer.example", f"s{n}") for n in range(22)),
    *(Pair("https://issuer.example", expression=f"claims['sub'] matches 's{n}*'") for n in range(4)),
]
trusts = st.builds(Trust, st.sampled_from(pairs), st.sampled_from(["api://x", "api://y"]))
owners = st.sampled_from(["one", "two", "three"])
asks_of_parent = st.lists(
    st.builds(
        lambda name, wanted, stance, since: ask(name, *wanted, stance=stance, since=since),
        owners,
        st.frozensets(trusts, max_size=22),
        st.sampled_from(Stance),
        st.integers(0, 3),
    ),
    unique_by=lambda a: a.uid,
    max_size=3,
)
names = st.one_of(
    st.builds(named, owners, trusts, st.sampled_from([CLUSTER, OTHER_CLUSTER])), st.sampled_from(["by-hand", "portal"])
)
parents = st.lists(st.builds(standing, names, trusts), unique_by=(lambda c: c.name, lambda c: c.pair), max_size=LIMIT)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(there=parents, asks=asks_of_parent)
def test_a_second_plan_is_empty_and_what_is_foreign_stays(there: list[ObservedCredential], asks: list[Ask]) -> None:
    after = apply(there, planned(there, *asks).steps)
    assert planned(after, *asks).steps == ()
    foreign = [c for c in there if not c.name.startswith(f"mif-{CLUSTER}-")]
    assert [c for c in after if not c.name.startswith(f"mif-{CLUSTER}-")] == foreign


@settings(max_examples=500, deadline=None, derandomize=True)
@given(there=parents, asks=asks_of_parent)
def test_after_the_plan_every_wanted_trust_stands_or_says_why_not(
    there: list[ObservedCredential], asks: list[Ask]
) -> None:
    first = planned(there, *asks)
    after = apply(there, first.steps)
    for wanted in {t for a in asks if a.stance is Stance.RECONCILE for t in a.wanted}:
        verdict = first.verdicts.get(wanted)
        assert any(c.carries(wanted) for c in after) or (verdict and verdict.reason is not Reason.SYNCED)
