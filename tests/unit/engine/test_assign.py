"""A host, a scope or a tenant is brought to what is asked: recorded first, in few requests, nobody else's touched."""

from dataclasses import replace

import pytest

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import Assignment, AssignmentRecord, Mark, Progress, Running
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind
from unit.engine.assigning import HOST, SCOPE, TENANT_APP, TIMING, AnsweringHolder, Assigning, asking
from unit.engine.port_fakes import SIGN_IN

A, B, C = Assignment("a", "1"), Assignment("b", "1"), Assignment("c", "1")
A_WHILE = 120.0


def failure(kind: ProblemKind, reason: Reason, *, answered: bool = True, after: float | None = None) -> AzureProblem:
    return AzureProblem(Problem(kind, reason, "Cannot do it", after), answered=answered)


NOT_ASSIGNABLE = failure(ProblemKind.TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
DENIED = failure(ProblemKind.FORBIDDEN, Reason.ACCESS_DENIED)


@pytest.mark.parametrize("parent", [HOST, SCOPE, TENANT_APP], ids=lambda parent: parent.kind.name)
async def test_what_is_asked_for_is_recorded_then_made_then_taken_back(parent: object) -> None:
    world = Assigning(parent=parent)  # type: ignore[arg-type]
    if parent is SCOPE:
        world.azure.mark = Mark.OURS
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",))]
    assert world.finding("web").standings[A].problem is None
    await world.settle(replace(world.asks["web"], stance=Stance.LEAVE, wanted=frozenset()), seconds=A_WHILE)
    assert world.azure.writes()[1:] == [("unassign", ("a",))]
    assert world.azure.held == {}
    assert "web" not in world.asks


async def test_nothing_is_made_while_no_status_records_it() -> None:
    world = Assigning(records=False)
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.azure.writes() == []
    standing = world.finding("web").standings[A]
    assert (standing.origin, standing.progress) == (Origin.OPERATOR, Progress.INTENDED)


async def test_one_request_serves_all_who_wait_for_the_host() -> None:
    world = Assigning()
    await world.settle(asking("one", A), asking("two", B), asking("three", C), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a", "b", "c"))]


async def test_a_change_waits_for_one_who_is_just_being_admitted_and_makes_all_at_once() -> None:
    world = Assigning()
    with world.table.announcing("two", {HOST.id}):
        await world.settle(asking("one", A), seconds=TIMING.gather / 2)
        assert world.azure.writes() == []
    await world.settle(asking("two", B), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a", "b"))]


async def test_a_change_does_not_wait_for_ever_for_one_who_is_being_admitted() -> None:
    world = Assigning()
    with world.table.announcing("two", {HOST.id}):
        await world.settle(asking("one", A), seconds=TIMING.gather + 1.0)
        assert world.azure.writes() == [("assign", ("a",))]


async def test_what_is_taken_back_waits_for_nobody() -> None:
    world = Assigning()
    await world.settle(asking("one", A), seconds=A_WHILE)
    with world.table.announcing("two", {HOST.id}):
        await world.settle(replace(world.asks["one"], stance=Stance.LEAVE, wanted=frozenset()), seconds=1.0)
        assert world.azure.writes()[1:] == [("unassign", ("a",))]


async def test_requests_of_two_connections_are_not_merged() -> None:
    world = Assigning()
    other = replace(SIGN_IN, connection="other")
    await world.settle(asking("one", A), asking("two", B, sign_in=other), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",)), ("assign", ("b",))]


async def test_a_second_pass_looks_once_and_writes_nothing() -> None:
    world = Assigning()
    await world.settle(asking("web", A), seconds=A_WHILE)
    world.azure.calls.clear()
    world.clock.seconds += 1.0
    world.settler.lanes.look_again(HOST)
    await world.settle(seconds=A_WHILE)
    assert world.azure.calls == [("look", ("a",))]


async def test_what_stands_without_a_record_is_left_as_it_is() -> None:
    world = Assigning()
    world.azure.held = {"a": "1"}
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.finding("web").standings[A].origin is Origin.PRE_EXISTING
    await world.settle(replace(world.asks["web"], stance=Stance.LEAVE, wanted=frozenset()), seconds=A_WHILE)
    assert (world.azure.writes(), world.azure.held) == ([], {"a": "1"})


async def test_a_poisoned_identity_keeps_no_other_from_the_host() -> None:
    world = Assigning()
    world.azure.refuses = {"b": NOT_ASSIGNABLE}
    await world.settle(asking("web", A, B, C), seconds=A_WHILE)
    assert set(world.azure.held) == {"a", "c"}
    found = world.finding("web").standings
    assert found[A].problem is None
    poisoned = found[B].problem
    assert poisoned is not None
    assert poisoned.reason is Reason.IDENTITY_NOT_ASSIGNABLE
    tries = [keys for verb, keys in world.azure.writes() if "b" in keys]
    assert tries == [("a", "b", "c"), ("b",)], "and is not tried again and again"


async def test_what_was_refused_is_tried_again_after_a_while() -> None:
    world = Assigning()
    world.azure.refuses = {"a": DENIED}
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert len(world.azure.writes()) == 1
    world.azure.refuses = {}
    await world.settle(seconds=TIMING.forbidden + A_WHILE)
    assert world.azure.held == {"a": "1"}
    assert world.finding("web").standings[A].problem is None


async def test_a_dead_identity_of_others_is_named_when_it_blocks_the_host() -> None:
    world = Assigning()
    world.azure.held = {"/x/dead": None}
    world.azure.refuses = {"a": DENIED}
    await world.settle(asking("web", A), seconds=A_WHILE)
    problem = world.finding("web").standings[A].problem
    assert problem is not None
    assert problem.reason is Reason.HOST_BLOCKED
    assert "dead" in problem.message
    assert world.azure.held == {"/x/dead": None}


async def test_a_dead_identity_of_ours_makes_way_before_anything_else_is_tried() -> None:
    world = Assigning()
    world.azure.held = {"a": None}
    await world.settle(asking("web", B, made=(A,)), seconds=A_WHILE)
    assert world.azure.writes() == [("unassign", ("a",)), ("assign", ("b",))]


async def test_an_identity_that_was_made_again_is_assigned_again() -> None:
    world = Assigning()
    world.azure.held = {"a": "1"}
    again = Assignment("a", "2")
    await world.settle(asking("web", again, made=(A,)), seconds=A_WHILE)
    assert world.azure.writes() == [("unassign", ("a",)), ("assign", ("a",))]
    assert world.azure.held == {"a": "2"}


async def test_an_identity_of_which_only_a_dead_entry_is_left_is_looked_up_before_it_is_assigned_again() -> None:
    world = Assigning()
    await world.settle(asking("web", A), seconds=A_WHILE)
    world.azure.held, world.azure.made_again = {"a": None}, {"a": "2"}
    await world.settle(seconds=TIMING.resync * 2)
    assert world.azure.writes() == [("assign", ("a",)), ("unassign", ("a",)), ("assign", ("a",))]
    assert world.asks["web"].records == (AssignmentRecord("item", Assignment("a", "2"), Progress.MADE),)


async def test_a_dead_entry_of_others_is_recorded_by_nobody_while_the_identity_is_looked_up() -> None:
    world = Assigning()
    world.azure.held, world.azure.made_again = {"a": None}, {"a": "2"}
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert (world.asks["web"].records, world.azure.writes()) == ((), [])
    problem = world.finding("web").standings[Assignment("a", "2")].problem
    assert problem is not None
    assert problem.reason is Reason.ASSIGNMENT_CONFLICT


async def test_an_identity_that_others_took_back_is_looked_up_before_it_is_assigned_again() -> None:
    world = Assigning()
    await world.settle(asking("web", A), seconds=A_WHILE)
    world.azure.held, world.azure.made_again = {}, {"a": "2"}
    await world.settle(seconds=TIMING.resync * 2)
    assert world.asks["web"].records == (AssignmentRecord("item", Assignment("a", "2"), Progress.MADE),)


async def test_an_identity_that_was_made_again_before_it_was_assigned_is_ours_as_it_is() -> None:
    world = Assigning()
    world.azure.made_again = {"a": "2"}
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",))]
    assert world.asks["web"].records == (AssignmentRecord("item", Assignment("a", "2"), Progress.MADE),)
    await world.settle(asking("web", stance=Stance.LEAVE, made=(Assignment("a", "2"),)), seconds=A_WHILE)
    assert world.azure.held == {}


async def test_drift_is_repaired_and_told_of() -> None:
    world = Assigning()
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.repaired == []
    world.azure.held = {}
    await world.settle(seconds=TIMING.resync * 2)
    assert world.azure.held == {"a": "1"}
    assert world.repaired == [("web", "a", "taken back")]


async def test_a_change_that_takes_time_is_followed_and_holds_nothing_up() -> None:
    world = Assigning()
    world.azure.takes_time = [Running("https://arm/op", 5.0), Running("https://arm/op", 5.0), None]
    await world.settle(asking("web", A), seconds=1.0)
    assert world.azure.held == {}
    assert world.finding("web").standings[A].progress is Progress.INTENDED
    again = await world.settle(asking("two", B), seconds=0.0)
    assert again is not None
    assert again <= 5.0
    assert world.azure.writes() == [("assign", ("a",))], "one change at a time"
    await world.settle(seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",)), ("assign", ("b",))]
    assert [call for call in world.azure.calls if call[0] == "follow"] == [("follow", ("https://arm/op",))] * 2


async def test_a_change_that_fails_later_has_failed() -> None:
    world = Assigning()
    world.azure.takes_time = [Running("https://arm/op", 5.0), NOT_ASSIGNABLE]
    await world.settle(asking("web", A), seconds=A_WHILE)
    problem = world.finding("web").standings[A].problem
    assert problem is not None
    assert problem.reason is Reason.IDENTITY_NOT_ASSIGNABLE


async def test_a_question_that_is_not_answered_ends_no_change() -> None:
    world = Assigning()
    lost = failure(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, answered=False)
    world.azure.takes_time = [Running("https://arm/op", 5.0), lost, None]
    await world.settle(asking("web", A), seconds=6.5)
    assert world.finding("web").standings[A].problem == lost.problem
    await world.settle(seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",))]
    assert world.finding("web").standings[A].problem is None


@pytest.mark.parametrize("stance", [Stance.LEAVE, Stance.RECONCILE], ids=["deleted", "edited"])
async def test_what_a_change_is_about_to_make_is_not_forgotten_when_nobody_wants_it_any_more(stance: Stance) -> None:
    """Forgotten, it would be taken for somebody else's when it stands at last."""
    world = Assigning()
    lost = failure(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, answered=False)
    world.azure.takes_time = [Running("https://arm/op", 5.0), lost, None]
    await world.settle(asking("web", A), seconds=1.0)
    await world.settle(replace(asking("web", stance=stance), records=world.asks["web"].records), seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",)), ("unassign", ("a",))]
    assert world.azure.held == {}


async def test_a_change_that_does_not_end_is_told_to_all_who_wait_for_it() -> None:
    world = Assigning()
    world.azure.takes_time = [Running("https://arm/op", 60.0)] * 8 + [None]
    await world.settle(asking("web", A), seconds=1.0)
    await world.settle(asking("two", B), seconds=TIMING.slow * 0.8)
    assert world.table.findings_of("two") == {}
    await world.settle(seconds=TIMING.slow * 0.5)
    problems = [world.finding(name).standings[one].problem for name, one in (("web", A), ("two", B))]
    assert [problem and problem.reason for problem in problems] == [Reason.HOST_BUSY] * 2
    assert all(str(HOST) in problem.message for problem in problems if problem)
    await world.settle(seconds=A_WHILE)
    assert world.azure.held == {"a": "1", "b": "1"}


OTHER = replace(SIGN_IN, connection="other")


@pytest.mark.parametrize("lacks", ["right to write", "right to read"])
async def test_one_whose_connection_lacks_a_right_keeps_nobody_from_the_same(lacks: str) -> None:
    world = Assigning()
    world.azure.lacks_right[SIGN_IN.connection] = DENIED
    if lacks == "right to read":
        world.azure.blind[SIGN_IN.connection] = DENIED
    await world.settle(asking("one", A), asking("two", A, since=1, sign_in=OTHER), seconds=A_WHILE)
    assert world.azure.held == {"a": "1"}
    assert world.finding("two").standings[A].problem is None
    one = world.finding("one")
    assert one.problem == (DENIED.problem if lacks == "right to read" else None)
    assert len(world.azure.writes()) == (1 if lacks == "right to read" else 2), "who sees nothing writes nothing"


async def test_who_may_write_elsewhere_writes_nothing_for_one_who_lacks_the_right() -> None:
    world = Assigning()
    world.azure.lacks_right[SIGN_IN.connection] = DENIED
    await world.settle(asking("one", A), asking("two", B, since=1, sign_in=OTHER), seconds=A_WHILE)
    assert world.azure.held == {"b": "1"}
    assert world.finding("one").standings[A].problem == DENIED.problem


async def test_where_all_connections_lack_a_right_each_is_tried_and_seldom() -> None:
    world = Assigning()
    world.azure.lacks_right = {SIGN_IN.connection: DENIED, "other": DENIED}
    await world.settle(asking("one", A), asking("two", A, since=1, sign_in=OTHER), seconds=TIMING.forbidden * 1.5)
    assert world.azure.writes() == [("assign", ("a",))] * 4
    del world.azure.lacks_right["other"]
    await world.settle(seconds=TIMING.forbidden)
    assert world.azure.held == {"a": "1"}


async def test_what_was_made_by_one_connection_goes_by_another_that_recorded_it_too() -> None:
    world = Assigning()
    world.azure.held = {"a": "1"}
    world.azure.lacks_right[SIGN_IN.connection] = DENIED
    leaving = [
        asking(name, stance=Stance.LEAVE, made=(A,), sign_in=way) for name, way in (("one", SIGN_IN), ("two", OTHER))
    ]
    await world.settle(*leaving, seconds=A_WHILE)
    assert world.azure.held == {}
    assert world.asks == {}


async def test_a_host_that_others_change_is_waited_for() -> None:
    world = Assigning()
    world.azure.is_changing = True
    await world.settle(asking("web", A), seconds=60.0)
    problem = world.finding("web").standings[A].problem
    assert problem is not None
    assert problem.reason is Reason.HOST_BUSY
    assert world.azure.writes() == []
    world.azure.is_changing = False
    await world.settle(seconds=60.0)
    assert world.azure.held == {"a": "1"}


async def test_an_answer_that_was_not_seen_makes_nothing_twice() -> None:
    world = Assigning()
    lost = failure(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, answered=False)
    world.azure.refuses = {"a": lost}
    await world.settle(asking("web", A), seconds=0.5)
    world.azure.refuses = {}
    world.azure.held = {"a": "1"}  # it had happened
    await world.settle(seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",))]
    assert world.finding("web").standings[A].origin is Origin.OPERATOR


async def test_a_lagging_replica_makes_nothing_twice_and_repairs_nothing() -> None:
    world = Assigning(parent=SCOPE, azure=AnsweringHolder(mark=Mark.OURS))
    await world.settle(asking("web", A), seconds=1.0)
    world.azure.lists = [{}, {}, {"a": "1"}, {}, {"a": "1"}]
    await world.settle(seconds=A_WHILE)
    assert world.azure.writes() == [("assign", ("a",))]
    assert world.repaired == []
    assert world.finding("web").standings[A].problem is None


async def test_what_others_made_under_another_name_in_the_meantime_is_theirs() -> None:
    world = Assigning(parent=SCOPE, azure=AnsweringHolder(mark=Mark.OTHERS))
    exists = Problem(ProblemKind.CONFLICT, Reason.ASSIGNMENT_CONFLICT, "exists")
    world.azure.refuses = {"a": AlreadyThere(exists)}
    world.azure.lists = [{}]
    world.azure.held = {"a": "1"}
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert world.finding("web").standings[A].origin is Origin.PRE_EXISTING
    assert len(world.azure.writes()) == 1


async def test_one_who_leaves_waits_until_what_others_ask_for_is_recorded_by_them() -> None:
    world = Assigning()
    await world.settle(asking("one", A), seconds=A_WHILE)
    leaving = replace(world.asks["one"], stance=Stance.LEAVE, wanted=frozenset())
    world.records = False
    await world.settle(leaving, asking("two", A), seconds=A_WHILE)
    assert not world.finding("one").clean
    world.records = True
    await world.settle(seconds=A_WHILE)
    assert "one" not in world.asks
    assert world.azure.writes() == [("assign", ("a",))]
    await world.settle(replace(world.asks["two"], stance=Stance.LEAVE, wanted=frozenset()), seconds=A_WHILE)
    assert world.azure.held == {}


async def test_a_host_that_is_gone_keeps_nobody_from_leaving() -> None:
    world = Assigning()
    missing = NotFound(Problem(ProblemKind.WAITING, Reason.HOST_NOT_FOUND, "gone"))
    world.azure.lists = [missing] * 20
    await world.settle(asking("web", stance=Stance.LEAVE, made=(A,)), seconds=A_WHILE)
    assert "web" not in world.asks or world.finding("web").clean
    assert sum(1 for verb, _ in world.azure.calls if verb == "look") >= 2, "one miss proves nothing"


async def test_a_removal_that_is_refused_keeps_the_object_and_is_told() -> None:
    world = Assigning()
    locked = failure(ProblemKind.FORBIDDEN, Reason.SCOPE_LOCKED)
    world.azure.held, world.azure.refuses = {"a": "1"}, {"a": locked}
    await world.settle(asking("web", stance=Stance.LEAVE, made=(A,)), seconds=A_WHILE)
    (left,) = world.finding("web").left
    assert left.problem is not None
    assert (left.key, left.problem.reason) == ("a", Reason.SCOPE_LOCKED)
    world.azure.refuses = {}
    await world.settle(seconds=TIMING.forbidden + A_WHILE)
    assert world.azure.held == {}
    assert "web" not in world.asks


async def test_what_is_gone_already_is_taken_back() -> None:
    world = Assigning()
    missing = NotFound(Problem(ProblemKind.WAITING, Reason.PROGRESSING, "gone"))
    world.azure.lists = [{"a": "1"}]
    world.azure.refuses = {"a": missing}
    await world.settle(asking("web", stance=Stance.LEAVE, made=(A,)), seconds=A_WHILE)
    assert "web" not in world.asks


async def test_a_machine_that_was_made_again_under_its_name_is_assigned_anew() -> None:
    world = Assigning()
    world.azure.instance = "vm-1"
    await world.settle(asking("web", A), seconds=A_WHILE)
    world.azure.instance, world.azure.held = "vm-2", {}
    await world.settle(seconds=TIMING.resync * 2)
    assert world.azure.held == {"a": "1"}
    assert world.asks["web"].records == (AssignmentRecord("item", A, Progress.MADE, "vm-2"),)


async def test_a_connection_that_cannot_look_takes_nothing_back() -> None:
    world = Assigning()
    other = replace(SIGN_IN, connection="other")
    await world.settle(asking("one", A), asking("two", B, sign_in=other), seconds=A_WHILE)
    world.azure.lists = [DENIED, dict(world.azure.held)]
    world.clock.seconds += 1.0
    world.settler.lanes.look_again(HOST)
    await world.settle(seconds=0.0)
    assert world.finding("one").problem is not None
    assert set(world.azure.held) == {"a", "b"}


async def test_nobody_who_could_not_look_is_told_to_be_well() -> None:
    world = Assigning()
    world.azure.lists = [DENIED]
    again = await world.settle(asking("web", A))
    found = world.finding("web").problem
    assert found is not None
    assert (found.reason, again) == (Reason.ACCESS_DENIED, TIMING.forbidden)


@pytest.mark.parametrize("shown", [None, "1"], ids=["shown as dead", "shown as ever"])
@pytest.mark.parametrize("takes_time", [False, True], ids=["at once", "later"])
async def test_what_our_own_deleted_identity_stopped_is_made_as_soon_as_that_is_off(
    shown: str | None, takes_time: bool
) -> None:
    world = Assigning()
    world.azure.held = {"a": shown}
    world.azure.stops = {"a": DENIED}
    if takes_time:
        world.azure.takes_time = [Running("off", 1.0), None]
    intended = AssignmentRecord("item", B, Progress.INTENDED)
    asked = asking("web", B, made=(A,))
    await world.settle(replace(asked, records=(*asked.records, intended)), seconds=A_WHILE)
    assert world.azure.held == {"b": "1"}
    assert world.finding("web").standings[B].problem is None
    assert world.azure.writes() == [("assign", ("b",)), ("unassign", ("a",)), ("assign", ("b",))]


async def test_a_removal_that_one_replica_knows_nothing_of_is_no_proof_and_not_sent_again_at_once() -> None:
    world = Assigning(parent=TENANT_APP)
    await world.settle(asking("web", A), seconds=A_WHILE)
    world.azure.refuses = {"a": NotFound(Problem(ProblemKind.WAITING, Reason.PROGRESSING, "it is not there"))}
    leaving = replace(world.asks["web"], stance=Stance.LEAVE, wanted=frozenset())
    await world.settle(leaving, seconds=TIMING.quiet - 10.0)
    assert "web" in world.asks
    assert [verb for verb, _ in world.azure.writes()] == ["assign", "unassign"]
    world.azure.refuses = {}
    await world.settle(seconds=A_WHILE)
    assert (world.azure.held, "web" in world.asks) == ({}, False)


async def test_a_creation_that_azure_says_was_made_already_is_ours_by_its_record_though_a_replica_lags() -> None:
    world = Assigning(parent=TENANT_APP)
    world.azure.refuses = {"a": AlreadyThere(Problem(ProblemKind.CONFLICT, Reason.ASSIGNMENT_CONFLICT, "it is there"))}
    world.azure.held, world.azure.lists = {"a": "1"}, [{}, {}, {}, {}]
    await world.settle(asking("web", A), seconds=A_WHILE)
    assert [verb for verb, _ in world.azure.writes()] == ["assign"]
    standing = world.finding("web").standings[A]
    assert (standing.origin, standing.progress, standing.problem) == (Origin.OPERATOR, Progress.MADE, None)
