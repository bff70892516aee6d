"""The judgement can fail: of each thing that must not be there is an operator that does it, and is found out."""

from dataclasses import replace

import pytest

from crash.chronicle import Crash, Mode, Point, Write
from crash.doubles import FOREIGN, Double, Leaks, Meddles, Misses, SaysOtherwise, UpdatesTwice, WritesTwice
from crash.judgement import RECOVERY, differences
from crash.lives import Scenario, Stage, Step, Story
from crash.trial import crashes, untried, wrong
from engine_world import NAMESPACE, EngineWorld, federation, oidc
from entrafed_lab.azure.seed import READER_APP

NAME = "mif-x on application app"
CREATE, UPDATE, DELETE = f"create {NAME}", f"update {NAME}", f"delete {NAME}"
DIED = Crash(Point("status web", 0), Mode.BEFORE)
LOST = Crash(Point(CREATE, 0), Mode.LOST)


def sent(name: str, status: int | None, *, before: bool = False) -> Write:
    return Write(name, is_azure=True, before_crash=before, status=status)


CREATED = sent(CREATE, 201, before=True)
CLEAN = Story([{"azure": {"app": {"mif-x": ["issuer"]}}}], [CREATED, Write("status web", False, True)], requests=5)


def story(*more: Write, **changes: object) -> Story:
    """The undisturbed one once more, something went wrong in it, and this was sent besides."""
    return replace(CLEAN, has_struck=True, writes=[*CLEAN.writes, *more], **changes)  # type: ignore[arg-type]


def test_what_ends_as_if_nothing_had_been_is_right() -> None:
    assert differences(CLEAN, story(), DIED) == []


def test_a_write_at_which_nothing_went_wrong_is_none_that_was_tried() -> None:
    assert differences(CLEAN, replace(story(), has_struck=False), DIED)


@pytest.mark.parametrize("repeated", [sent(CREATE, 409), sent(DELETE, 404), sent(UPDATE, 204)], ids=str)
def test_what_the_dead_one_had_sent_may_be_sent_once_more_where_that_has_no_effect(repeated: Write) -> None:
    before = replace(repeated, before_crash=True, status=200)
    clean = replace(CLEAN, writes=[*CLEAN.writes, before])
    got = story(before, repeated)
    assert differences(clean, got, DIED) == []
    assert differences(clean, story(before, repeated, repeated), DIED)


def test_what_the_dead_one_had_not_sent_may_not_be_sent_in_vain() -> None:
    assert differences(CLEAN, story(sent(DELETE, 404)), DIED)


def test_before_anything_went_wrong_nothing_may_be_sent_in_vain() -> None:
    assert differences(CLEAN, story(sent(CREATE, 409, before=True)), DIED)


def test_who_lived_on_may_repeat_only_what_it_saw_no_answer_to() -> None:
    clean = replace(CLEAN, writes=[*CLEAN.writes, sent(DELETE, 204, before=True)])
    deleted = sent(DELETE, 204, before=True)
    assert differences(clean, story(deleted, sent(CREATE, 409)), LOST) == []
    assert differences(clean, story(deleted, sent(DELETE, 404)), LOST)


@pytest.mark.parametrize("again", [sent(CREATE, 201), sent(CREATE, 400), sent(UPDATE, 400), sent(DELETE, 204)], ids=str)
def test_what_has_an_effect_or_is_refused_for_another_reason_is_one_too_many(again: Write) -> None:
    assert differences(CLEAN, story(again), DIED)


def test_a_write_that_is_missing_is_missed() -> None:
    assert differences(CLEAN, replace(story(), writes=[]), DIED)


@pytest.mark.parametrize(
    "azure",
    [{"app": {}}, {"app": {"mif-x": ["issuer"], "mif-y": ["issuer"]}}, {"app": {"mif-x": ["other"]}}],
    ids=["missing", "leaked", "changed"],
)
def test_an_azure_that_differs_is_told(azure: dict[str, object]) -> None:
    assert differences(CLEAN, story(moments=[{"azure": azure}]), DIED)


def test_a_finalizer_that_is_written_twice_is_told() -> None:
    assert differences(CLEAN, story(Write("finalizer+ web", False, False)), DIED)


def test_asking_without_a_pause_is_told() -> None:
    assert differences(CLEAN, story(requests=CLEAN.requests + RECOVERY), DIED) == []
    assert differences(CLEAN, story(requests=CLEAN.requests + RECOVERY + 1), DIED)


def test_a_recorded_write_that_was_no_crash_point_is_told() -> None:
    twice = replace(CLEAN, writes=[*CLEAN.writes, CREATED])
    everything = crashes(twice)
    assert len(everything) == 3 * len(twice.writes)
    assert untried(twice, everything) == []
    for left_out in everything:
        assert untried(twice, [one for one in everything if one != left_out])


# Operators that do wrong


def _apply(world: EngineWorld) -> None:
    world.cluster.apply(federation(oidc("a"), oidc("b")))


def _change(world: EngineWorld) -> None:
    world.cluster.apply(federation(oidc("a", audience="api://x"), oidc("b")))


def _delete(world: EngineWorld) -> None:
    world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")


def _foreign(world: EngineWorld) -> None:
    holder = world.azure.world.holder(READER_APP)
    holder.add_foreign_credential(name=FOREIGN, issuer="https://issuer.example", subject="job-of-others")


CREATION = Scenario("creation", (Step(_apply),), (Step(_foreign),))
CHANGE = Scenario("change", (Step(_change),), (Step(_apply),))
DELETION = Scenario("deletion", (Step(_delete),), (Step(_apply),))


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("double", "scenario", "verb", "told"),
    [
        (WritesTwice, CREATION, "create", "Azure was sent one more: create"),
        (UpdatesTwice, CHANGE, "update", "Azure was sent one more: update"),
        (Leaks, DELETION, "delete", "Azure was never sent: delete"),
        (Leaks, DELETION, "delete", "is too much"),
        (Misses, CREATION, "create", ""),
        (Meddles, CREATION, "create", f"{FOREIGN} is missing"),
        (SaysOtherwise, CREATION, "create", "EntraConnection default/status"),
    ],
)
async def test_an_operator_that_does_wrong_in_its_second_life_is_found_out(
    double: type[Double], scenario: Scenario, verb: str, told: str, stage: Stage
) -> None:
    clean = await stage.play(scenario)
    crash = next(one for one in crashes(clean) if one.point.write.startswith(verb) and one.mode is Mode.BEFORE)
    assert await wrong(stage, scenario, clean, crash) == []
    found = await wrong(replace(stage, between=double.in_second_life), scenario, clean, crash)
    assert any(told in line for line in found)


@pytest.mark.looptime
async def test_what_the_operator_did_not_expect_is_found_out(stage: Stage, unexpected: list[str]) -> None:
    class Broken(Double):
        async def create(self, *_: object) -> None:
            raise ZeroDivisionError

    scenario = Scenario("creation", (Step(_apply, later=30.0),))
    await replace(stage, between=lambda azure, _: Broken.in_second_life(azure, 2)).play(scenario)
    assert "ZeroDivisionError" in unexpected[0]
