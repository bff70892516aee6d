"""Each thing that a sequence is judged by sees it when it is broken."""

from dataclasses import replace

import pytest

from engine_world import CLUSTER
from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.outputs import CLIENT_ID_ANNOTATION
from entrafed.api.reasons import Reason
from entrafed.domain.marks import Mark, owner_mark
from entrafed_lab.azure import ServiceName
from entrafed_lab.azure.request_log import RequestRecord
from entrafed_lab.azure.seed import READER_APP
from sequences.acts import Announce, Apply, Item, OthersAnnotate, OthersCreate, OthersFill, Rules, Step, Wait
from sequences.cast import BLUE, EXAMPLE, GREEN, READER, SLOTS
from sequences.stage import Performance, Sabotage, Stage, wrong_requests
from sequences.surroundings import ACCOUNT, MAP
from sequences.truth import incoherent, untruths

ONE = Step(Apply(SLOTS[0], (Item("a", "job-1"), Item("b", "job-2"))))
BEGINNING = [ONE, Step(OthersCreate(READER, "job-3"))]


def remove_ours(performance: Performance) -> None:
    holder = performance.play.book.holder(READER)
    holder.remove(next(c.name for c in holder.credentials if c.name.startswith("mif-")))


def change_ours(performance: Performance) -> None:
    holder = performance.play.book.holder(READER)
    name = next(c.name for c in holder.credentials if c.name.startswith("mif-"))
    holder.change_credential(name, audiences=("api://changed",))


def change_another_s(performance: Performance) -> None:
    performance.play.book.holder(READER).change_credential("by-hand-1", audiences=("api://changed",))


def remove_another_s(performance: Performance) -> None:
    performance.play.book.holder(READER).remove("by-hand-1")


def leave_something_over(performance: Performance) -> None:
    name = str(Mark(CLUSTER, owner_mark("nobody", "knows"), "a" * 8))
    performance.play.book.holder(READER).add_foreign_credential(name=name, issuer=EXAMPLE, subject="job-7")


def ask_for_more_behind_its_back(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[0]] = Apply(SLOTS[0], (Item("a", "job-1"), Item("b", "job-2"), Item("c", "ci")))


def forbid_it_behind_its_back(performance: Performance) -> None:
    performance.play.book.rules["default"] = "nothing"


def say_that_it_is_suspended(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[0]] = Apply(SLOTS[0], book.specs[SLOTS[0]].items, suspend=True)


def remove_ours_in_secret_of_the_first_look(performance: Performance) -> None:
    """Restful until it is looked at once more."""
    holder = performance.play.book.holder(READER)
    credential = next(c for c in holder.credentials if c.name.startswith("mif-"))
    performance.before_second_pass = lambda: holder.remove(credential.name)


@pytest.mark.parametrize(
    ("sabotage", "told"),
    [
        (remove_ours, "and there is None"),
        (change_ours, "and there is"),
        (change_another_s, "of others there is"),
        (remove_another_s, "of others there is"),
        (leave_something_over, "is left over"),
        (ask_for_more_behind_its_back, "is not told of"),
        (forbid_it_behind_its_back, "not NotPermitted"),
        (say_that_it_is_suspended, "is suspended, and Ready is"),
        (remove_ours_in_secret_of_the_first_look, "a second pass sent"),
    ],
)
def test_what_is_broken_is_told(stage: Stage, sabotage: Sabotage, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        stage.play([BEGINNING], sabotage=sabotage)


WRITTEN = Step(Apply(SLOTS[0], (Item("a", "pods"),), annotated=True, mapped=True))
UNWRITTEN = Step(Apply(SLOTS[0], (Item("a", "pods"),)))


def set_client_id(performance: Performance, value: str | None) -> None:
    performance.world.cluster.set_value(ACCOUNT, SLOTS[0].namespace, CLIENT_ID_ANNOTATION, value)


def remove_the_map(performance: Performance) -> None:
    performance.world.cluster.delete(MAP.kind, SLOTS[0].namespace, MAP.name)


def have_asked_for_no_map(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[0]] = replace(book.specs[SLOTS[0]], mapped=False)


def change_the_issuer_behind_its_back(performance: Performance) -> None:
    performance.play.book.announced = (GREEN,)


@pytest.mark.parametrize(
    ("step", "sabotage", "told"),
    [
        (WRITTEN, lambda performance: set_client_id(performance, None), "service account web is Synced, not so"),
        (WRITTEN, lambda performance: set_client_id(performance, "wrong"), "service account web is Synced, not so"),
        (WRITTEN, remove_the_map, "ConfigMap entra is Synced, not so"),
        (WRITTEN, have_asked_for_no_map, "ConfigMap entra is asked for no more"),
        (UNWRITTEN, lambda performance: set_client_id(performance, "wrong"), "has more than anybody tells of"),
        (UNWRITTEN, change_the_issuer_behind_its_back, "does not retire"),
    ],
)
def test_what_is_broken_around_the_objects_is_told(stage: Stage, step: Step, sabotage: Sabotage, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        stage.play([[step]], sabotage=sabotage)


def test_an_annotation_of_others_that_is_written_over_is_told(stage: Stage) -> None:
    theirs = Step(OthersAnnotate(SLOTS[0].namespace, "theirs"))
    with pytest.raises(AssertionError, match=r"others set .* to theirs"):
        stage.play([[theirs, WRITTEN]], sabotage=lambda performance: set_client_id(performance, READER_APP))


def test_a_change_of_issuers_and_back_is_no_untruth(stage: Stage) -> None:
    """The former one retires meanwhile, and has gone when it comes back."""
    stage.play([[WRITTEN], [Step(Announce((GREEN,)))], [Step(Wait(1200.0))], [Step(Announce((BLUE,)))]])


def test_an_item_of_two_issuers_for_which_there_is_one_place_rightly_has_none(stage: Stage) -> None:
    both, full = Step(Announce((BLUE, GREEN))), Step(OthersFill(READER, 1))
    stage.play([[both, full, Step(Apply(SLOTS[0], (Item("a", "pods"),)))]])


def test_what_is_whole_is_not_told_of(stage: Stage) -> None:
    stage.play([BEGINNING])
    assert stage.steps == 2


def test_a_failing_sequence_is_printed_as_it_can_be_played_again(stage: Stage) -> None:
    with pytest.raises(AssertionError) as failure:
        stage.play([BEGINNING], sabotage=remove_ours)
    printed = str(failure.value).partition("after ")[2]
    names = {"Apply": Apply, "Item": Item, "OthersCreate": OthersCreate, "Step": Step, "SLOTS": SLOTS}
    assert eval(printed, names) == [BEGINNING]  # noqa: S307 - what this very test printed


def test_replicas_lag_and_limits_hold(stage: Stage) -> None:
    def look(performance: Performance) -> None:
        azure = performance.world.azure
        assert azure.world.delays.replica_lag > 0
        assert performance.world.budgets.rate_scale == 1.0

    stage.play([BEGINNING], sabotage=look)


def never_end_a_deletion(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[1]] = Apply(SLOTS[1], (Item("a", "job-1"),))


def test_a_deletion_that_never_ends_is_told(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="its deletion never ended"):
        stage.play([BEGINNING], sabotage=never_end_a_deletion)


def test_what_outlives_its_permission_is_told(stage: Stage) -> None:
    told = list[str]()

    def forbid(performance: Performance) -> None:
        book, found = performance.play.book, performance.play.book.found(SLOTS[0])
        assert found is not None
        long_ago = {(found.metadata.uid, name): -1000.0 for name in book.standing(READER)}
        before, book.rules["default"] = book.rules["default"], "nothing"
        told.extend(untruths(book, long_ago))
        book.rules["default"] = before

    stage.play([BEGINNING], sabotage=forbid)
    assert any("has been denied for" in problem for problem in told)


def test_a_withdrawn_rule_is_no_untruth(stage: Stage) -> None:
    stage.play([BEGINNING, [Step(Rules("default", "nothing"))], [Step(Wait(700.0))]])


WRITE = RequestRecord(
    number=1,
    service=ServiceName.GRAPH,
    method="DELETE",
    path=f"/v1.0/applications/a/federatedIdentityCredentials(name='mif-{CLUSTER}-x')",
    operation="credentials.delete",
    parent="a",
    write=True,
    status=204,
    answered=True,
    started=0.0,
    finished=1.0,
    overlapping=False,
    principal=None,
    body_size=0,
    client_request_id=None,
    in_batch=False,
)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (WRITE, []),
        (replace(WRITE, overlapping=True), ["overlapping writes"]),
        (replace(WRITE, status=409), ["self-made"]),
        (replace(WRITE, status=429), ["self-made"]),
        (replace(WRITE, path="/v1.0/applications/a/federatedIdentityCredentials(name='theirs')"), ["not ours"]),
    ],
)
def test_what_should_not_have_been_sent_is_told(record: RequestRecord, told: list[str]) -> None:
    assert [found.partition(":")[0] for found in wrong_requests([record], cluster=CLUSTER, may_collide=False)] == told


def test_what_tools_would_stumble_over_is_told(stage: Stage) -> None:
    def look(performance: Performance) -> None:
        found = performance.play.book.found(SLOTS[0])
        assert found is not None
        assert list(incoherent(found)) == []
        assert list(incoherent(_with(found, []))) == ["Ready is missing"]
        ready, stalled = _condition(found, ConditionType.READY), _condition(found, ConditionType.STALLED)
        assert len(list(incoherent(_with(found, [ready, stalled])))) == 1

    stage.play([BEGINNING], sabotage=look)


def _condition(one: Federation, kind: ConditionType) -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus.TRUE,
        reason=Reason.SYNCED,
        message="",
        observed_generation=one.metadata.generation,
        last_transition_time="2026-01-01T00:00:00Z",
    )


def _with(one: Federation, conditions: list[Condition]) -> Federation:
    return replace(one, status=replace(one.status, conditions=tuple(conditions)))
