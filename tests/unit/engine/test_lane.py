"""What is known of a parent's credentials: the last list with our own writes laid over it, for as long as that is true.

Source of the rules: section 6 of the design, "Consistency".
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.reasons import Reason
from entrafed.domain.credentials import LIMIT, NewCredential, ObservedCredential, Pair, ParentKind, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.plan import Create
from entrafed.engine.lane import AGREEING, Lane
from entrafed.engine.own_writes import JUST_BEYOND
from entrafed.engine.timing import Timing

TIMING = Timing()
BOTH = pytest.mark.parametrize("kind", AGREEING)


def new_lane(kind: ParentKind = ParentKind.APPLICATION) -> Lane:
    return Lane(kind, TIMING)


def listed_lane(*there: ObservedCredential, kind: ParentKind = ParentKind.APPLICATION) -> Lane:
    """A lane that was listed at 0."""
    lane = new_lane(kind)
    lane.note_list(there, 0)
    return lane


def written(name: str, audience: str = "api://x") -> NewCredential:
    return NewCredential(name, Trust(Pair("https://issuer.example", name), audience), "")


def standing(name: str, audience: str = "api://x") -> ObservedCredential:
    return ObservedCredential(name, "https://issuer.example", name, (audience,))


def names(lane: Lane) -> set[str]:
    return {credential.name for credential in lane.view()}


@BOTH
def test_an_own_write_counts_although_a_list_lacks_it(kind: ParentKind) -> None:
    lane = listed_lane(kind=kind)
    lane.note_write(written("a"), 1)
    assert lane.view() == (standing("a"),)
    lane.note_list((), 2)
    assert lane.view() == (standing("a"),)
    assert not lane.is_confirmed("a")


@BOTH
def test_an_own_update_counts_although_a_list_shows_the_old_content(kind: ParentKind) -> None:
    lane = listed_lane(standing("a"), kind=kind)
    lane.note_write(written("a", "api://new"), 1)
    lane.note_list((standing("a"),), 2)
    assert lane.view() == (standing("a", "api://new"),)
    assert not lane.is_confirmed("a")


@BOTH
def test_an_own_deletion_counts_although_a_list_shows_it_still(kind: ParentKind) -> None:
    lane = listed_lane(standing("a"), standing("b"), kind=kind)
    lane.note_deletion("a", 1)
    lane.note_list((standing("a"), standing("b")), 2)
    assert names(lane) == {"b"}
    assert not lane.is_confirmed("a")


def test_what_others_wrote_shows_as_soon_as_it_is_listed() -> None:
    lane = listed_lane(standing("a"))
    lane.note_list((standing("b"),), 1)
    assert names(lane) == {"b"}


@pytest.mark.parametrize(("kind", "lists"), [(ParentKind.APPLICATION, 2), (ParentKind.MANAGED_IDENTITY, 1)])
def test_a_write_is_confirmed_by_as_many_lists_as_its_service_has_replicas_to_disagree(
    kind: ParentKind, lists: int
) -> None:
    lane = listed_lane(kind=kind)
    lane.note_write(written("a"), 0)
    for at in range(1, lists + 1):
        assert not lane.is_confirmed("a")
        lane.note_list((standing("a"),), at)
    assert lane.is_confirmed("a")


@BOTH
def test_a_deletion_is_confirmed_by_one_list(kind: ParentKind) -> None:
    lane = listed_lane(standing("a"), kind=kind)
    lane.note_deletion("a", 0)
    lane.note_list((), 1)
    assert lane.is_confirmed("a")


def test_a_list_that_disagrees_makes_the_count_begin_anew() -> None:
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    for at, seen in enumerate(((standing("a"),), (), (standing("a"),)), start=1):
        lane.note_list(seen, at)
        assert not lane.is_confirmed("a")
    lane.note_list((standing("a"),), 4)
    assert lane.is_confirmed("a")


def test_another_write_of_a_name_is_to_be_confirmed_anew() -> None:
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    lane.note_list((standing("a"),), 1)
    lane.note_write(written("a", "api://new"), 2)
    lane.note_list((standing("a", "api://new"),), 3)
    assert not lane.is_confirmed("a")
    lane.note_list((standing("a", "api://new"),), 4)
    assert lane.is_confirmed("a")


@BOTH
def test_a_list_that_disagrees_beyond_any_lag_is_believed(kind: ParentKind) -> None:
    lane = listed_lane(kind=kind)
    lane.note_write(written("a"), 0)
    lane.note_list((), TIMING.lag_limit)
    assert names(lane) == {"a"}
    lane.note_list((), TIMING.lag_limit + 1)
    assert names(lane) == set()
    assert lane.is_confirmed("a")  # nothing is waited for any more


def test_a_list_that_lags_behind_agreeing_ones_is_not_believed_and_looked_past_later() -> None:
    lane = listed_lane(kind=ParentKind.MANAGED_IDENTITY)
    lane.note_write(written("a"), 0)
    lane.note_list((standing("a"),), 1)
    assert lane.confirmation_due(1) is None
    lane.note_list((), 5)
    assert names(lane) == {"a"}
    assert lane.is_confirmed("a")
    due = lane.confirmation_due(5)
    assert due is not None
    assert 5 + due > TIMING.lag_limit
    lane.note_list((), 5 + due)
    assert names(lane) == set()


def test_a_lane_is_needed_as_long_as_a_list_may_contradict_it() -> None:
    lane = listed_lane(standing("a"))
    assert lane.is_needed_for(0) == 0
    lane.note_deletion("a", 10)
    lane.note_list((), 11)
    assert lane.is_needed_for(11) == TIMING.lag_limit - 1


def test_the_first_list_of_a_young_process_is_looked_at_twice() -> None:
    lane = new_lane()
    lane.second_look_at = 60
    lane.note_list((), 1)
    assert lane.confirmation_due(1) == 59
    lane.note_list((), 60)
    assert lane.confirmation_due(60) is None


def test_what_was_found_missing_is_gone_until_a_list_shows_it_again() -> None:
    lane = listed_lane(standing("a"))
    assert lane.note_missing("a")
    assert (names(lane), lane.deleted) == (set(), {"a"})
    lane.note_list((standing("a"),), 1)  # another replica, which knows it
    assert names(lane) == {"a"}


@pytest.mark.parametrize(("kind", "believed"), [(ParentKind.APPLICATION, False), (ParentKind.MANAGED_IDENTITY, True)])
def test_what_was_just_written_may_be_missing_only_where_replicas_disagree(kind: ParentKind, believed: bool) -> None:
    lane = listed_lane(kind=kind)
    lane.note_write(written("a"), 0)
    assert lane.note_missing("a") is believed
    lane.note_list((), TIMING.lag_limit + 1)
    assert lane.note_missing("a")


def test_what_was_deleted_is_remembered_until_it_is_written_again() -> None:
    lane = listed_lane(standing("a"))
    lane.note_deletion("a", 0)
    lane.note_list((), 1)
    assert lane.deleted == {"a"}
    lane.note_write(written("a"), 2)
    assert lane.deleted == set()


def test_a_list_is_needed_at_first_when_it_is_old_and_after_every_write() -> None:
    lane = new_lane()
    assert lane.needs_list(0)
    lane.note_list((), 10)
    assert not lane.needs_list(10 + TIMING.fresh)
    assert lane.needs_list(10 + TIMING.fresh + 1)
    lane.note_write(written("a"), 11)
    assert lane.needs_list(11)
    assert lane.confirmation_due(11) == 0


def test_a_list_that_is_wanted_later_is_not_taken_before() -> None:
    lane = listed_lane()
    lane.list_from = 3
    assert not lane.needs_list(1)
    assert lane.needs_list(3)


@pytest.mark.parametrize("answered", ["write", "deletion"])
def test_after_a_write_without_an_answer_only_a_list_tells(answered: str) -> None:
    """Else what was answered before hides for a minute what the unanswered one did, and has it sent again and again."""
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    if answered == "deletion":
        lane.note_deletion("a", 1)
    lane.note_unanswered("a", 2, may_be_there=True)
    assert lane.needs_list(2)
    lane.note_list((standing("a", "api://new"),), 3)
    assert lane.view() == (standing("a", "api://new"),)
    assert lane.deleted == set()
    assert lane.unanswered_at == 2


def test_a_deletion_without_an_answer_leaves_nothing_to_appear_later() -> None:
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    lane.note_unanswered("a", 2, may_be_there=False)
    lane.note_list((), 3)
    assert lane.view() == ()
    assert lane.unanswered_at == new_lane().unanswered_at


def test_what_failed_is_looked_at_again_when_it_is_tried_again_and_not_at_once() -> None:
    lane = listed_lane()
    lane.note_unanswered("a", 2, may_be_there=True)
    assert lane.confirmation_due(2) is None


def test_nothing_is_looked_for_when_all_is_confirmed() -> None:
    lane = listed_lane(kind=ParentKind.MANAGED_IDENTITY)
    assert lane.confirmation_due(5) is None
    lane.note_write(written("a"), 5)
    lane.note_list((standing("a"),), 6)
    assert lane.confirmation_due(6) is None


def test_confirming_lists_are_spaced_by_half_more_each_time_up_to_a_bound() -> None:
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    at, pauses = 0.0, list[float]()
    while at < TIMING.lag_limit - TIMING.longest_agreement:
        lane.note_list((), at)
        pause = lane.confirmation_due(at)
        assert pause is not None
        assert not lane.needs_list(at + min(pause, TIMING.fresh) * 0.99)
        assert lane.needs_list(at + pause)
        pauses.append(pause)
        at += pause
    assert pauses == [min(TIMING.agreement * 1.5**n, TIMING.longest_agreement) for n in range(len(pauses))]
    assert pauses[-1] == TIMING.longest_agreement


def test_a_new_write_is_looked_for_at_the_first_pace_again() -> None:
    lane = listed_lane()
    lane.note_write(written("a"), 0)
    for at in (1, 2, 4):
        lane.note_list((), at)
    lane.note_write(written("b"), 5)
    lane.note_list((), 6)
    assert lane.confirmation_due(6) == TIMING.agreement


def test_each_list_since_all_was_quiet_counts_once_for_one_who_leaves() -> None:
    lane = listed_lane()
    assert lane.quiet_reads("uid", quiet_at=45) == 0
    lane.note_list((), 50)
    assert [lane.quiet_reads("uid", quiet_at=45) for _ in range(3)] == [1, 1, 1]
    lane.note_list((), 60)
    assert lane.quiet_reads("uid", quiet_at=45) == 2
    assert lane.quiet_reads("another", quiet_at=45) == 1


def test_what_shows_again_makes_quiet_begin_anew() -> None:
    lane = listed_lane()
    lane.note_list((), 50)
    assert lane.quiet_reads("uid", quiet_at=45) == 1
    lane.not_quiet("uid")
    lane.note_list((), 60)
    assert lane.quiet_reads("uid", quiet_at=45) == 1


moments = st.lists(
    st.tuples(
        st.sampled_from(["write", "delete", "list"]),
        st.sampled_from(["a", "b"]),
        st.frozensets(st.sampled_from(["a", "b", "foreign"])),
        st.floats(0.1, 5),
    ),
    max_size=10,  # at most 50 seconds: within the lag limit
)


@given(kind=st.sampled_from(sorted(AGREEING)), moments=moments)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_within_the_lag_limit_a_view_shows_every_own_write_whatever_lists_show(
    kind: ParentKind, moments: list[tuple[str, str, frozenset[str], float]]
) -> None:
    lane, now, wrote, listed = listed_lane(kind=kind), 0.0, dict[str, bool](), frozenset[str]()
    for what, name, shown, pause in moments:
        now += pause
        if what == "write":
            lane.note_write(written(name), now)
            wrote[name] = True
        elif what == "delete":
            lane.note_deletion(name, now)
            wrote[name] = False
        else:
            lane.note_list(tuple(standing(one) for one in shown), now)
            listed = shown
    expected = (listed | {one for one, there in wrote.items() if there}) - {one for one, t in wrote.items() if not t}
    assert names(lane) == expected


def test_a_lane_in_faster_time_waits_less() -> None:
    lane = replace(listed_lane(), timing=TIMING.scaled(0.1))
    lane.note_write(written("a"), 0)
    lane.note_list((), 1)
    assert lane.confirmation_due(1) == pytest.approx(TIMING.agreement / 10)


def full_lane() -> Lane:
    return listed_lane(*(standing(f"c{number}") for number in range(LIMIT)))


@pytest.mark.parametrize(
    ("lane", "kind", "is_tried"),
    [
        (full_lane(), ProblemKind.TERMINAL, False),
        (full_lane(), ProblemKind.FORBIDDEN, True),
        (listed_lane(), ProblemKind.TERMINAL, True),
    ],
)
def test_what_azure_will_not_have_is_not_tried_again_where_something_would_make_way_for_it(
    lane: Lane, kind: ProblemKind, *, is_tried: bool
) -> None:
    refused, problem = Create(written("new")), Problem(kind, Reason.VALUE_REFUSED, "no")
    lane.refused[refused] = (problem, 600)
    assert lane.objection_to(refused, 599) == problem
    lane.look_again(0.0)
    assert (lane.objection_to(refused, 1) is None) == is_tried
    assert lane.objection_to(Create(written("edited")), 1) is None


def test_room_that_is_there_again_lets_a_refused_creation_be_tried() -> None:
    lane = full_lane()
    refused = Create(written("new"))
    lane.refused[refused] = (Problem(ProblemKind.TERMINAL, Reason.VALUE_REFUSED, "no"), 600)
    lane.look_again(0.0)
    lane.note_list((), 700)
    assert lane.objection_to(refused, 701) is None


@BOTH
def test_what_somebody_begins_to_rely_on_is_looked_at_once_more_where_replicas_disagree(kind: ParentKind) -> None:
    lane = listed_lane(standing("theirs"), kind=kind)
    again = 10 + TIMING.lag_limit * JUST_BEYOND if kind is ParentKind.APPLICATION else None
    lane.rely_on(frozenset({("web", "theirs")}), 10)
    assert lane.confirmation_due(0) == again
    lane.rely_on(frozenset({("web", "theirs")}), 30)
    assert lane.confirmation_due(0) == again
    lane.note_list((standing("theirs"),), 10 + TIMING.lag_limit * 1.1)
    lane.rely_on(frozenset({("web", "theirs")}), 100)
    assert lane.confirmation_due(100) is None
    lane.rely_on(frozenset({("web", "theirs"), ("other", "theirs")}), 200)
    assert (lane.confirmation_due(200) is not None) == (kind is ParentKind.APPLICATION)
