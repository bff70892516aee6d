"""What to do about an output, whatever is there: pure, so every case can be had."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.choices import DriftPolicy
from entrafed.api.outputs import CLIENT_ID_ANNOTATION, CLIENT_ID_VARIABLE, TENANT_ID_ANNOTATION
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, OutputKind
from entrafed.domain.output_plan import Move, Remove, Write, plan_output
from entrafed.domain.outputs import Content, Intent, ObservedOutput, Output, Wish, field_manager

ACCOUNT = Output(OutputKind.SERVICE_ACCOUNT, "web")
MAP = Output(OutputKind.CONFIG_MAP, "web-entra")
OURS, THEIRS = "entrafed/web", "kubectl"
BOTH = {CLIENT_ID_ANNOTATION: "client", TENANT_ID_ANNOTATION: "tenant"}
ANNOTATED = Wish(ACCOUNT, Intent.WRITE, Content(BOTH))
MAPPED = Wish(MAP, Intent.WRITE, Content({CLIENT_ID_VARIABLE: "client"}, follows=True))


def account(client: str | None, tenant: str | None, *, held_by: tuple[str, ...] = ()) -> ObservedOutput:
    """A service account with these annotations, both held by the same."""
    found = {CLIENT_ID_ANNOTATION: client, TENANT_ID_ANNOTATION: tenant}
    values = {key: value for key, value in found.items() if value is not None}
    return ObservedOutput(
        "uid", "1", values, {key: frozenset(held_by) if key in values else frozenset() for key in BOTH}
    )


def config_map(
    client: str | None, made_for: str | None = "web", *, held_by: str = OURS, follows: bool = True
) -> ObservedOutput:
    values = {} if client is None else {CLIENT_ID_VARIABLE: client}
    managers = {CLIENT_ID_VARIABLE: frozenset({held_by} if values else ())}
    return ObservedOutput("uid", "1", values, managers, made_for, follows)


def planned(wish: Wish, observed: ObservedOutput | None, recorded: ItemState | None = None) -> Move:
    return plan_output(wish, observed, recorded, federation="web", manager=OURS)


def reason(move: Move) -> Reason | None:
    return move.problem.reason if move.problem else None


def test_what_stands_as_asked_needs_nothing() -> None:
    assert planned(ANNOTATED, account("client", "tenant", held_by=(OURS,))) == Move()
    assert planned(MAPPED, config_map("client")) == Move()


def test_an_equal_value_of_others_is_held_too() -> None:
    assert planned(ANNOTATED, account("client", "tenant", held_by=(THEIRS,))) == Move(Write(Content(BOTH)))


def test_our_own_older_value_is_replaced_and_no_drift() -> None:
    move = planned(ANNOTATED, account("old", "tenant", held_by=(OURS,)), ItemState.SYNCED)
    assert move == Move(Write(Content(BOTH)))
    wish = replace(MAPPED, drift=DriftPolicy.REPORT)
    assert planned(wish, config_map("old"), ItemState.SYNCED) == Move(Write(MAPPED.content or Content({})))


def test_an_older_value_that_another_federation_holds_too_is_let_go_first() -> None:
    move = planned(ANNOTATED, account("old", "tenant", held_by=(OURS, "entrafed/other")))
    assert (move.step, reason(move)) == (Remove(), Reason.OUTPUT_CONFLICT)


def test_both_annotations_are_written_or_none() -> None:
    one_is_theirs = ObservedOutput(
        "uid", "1", {**BOTH, CLIENT_ID_ANNOTATION: "theirs"},
        {CLIENT_ID_ANNOTATION: frozenset({THEIRS}), TENANT_ID_ANNOTATION: frozenset({OURS})},
    )  # fmt: skip
    move = planned(ANNOTATED, one_is_theirs, ItemState.SYNCED)
    assert (move.step, reason(move)) == (Remove(), Reason.OUTPUT_CONFLICT)


def test_a_value_that_nobody_is_said_to_hold_is_not_ours_to_change() -> None:
    move = planned(ANNOTATED, account("theirs", None))
    assert (move.step, reason(move)) == (None, Reason.OUTPUT_CONFLICT)


def test_what_was_never_written_is_no_drift() -> None:
    for recorded in (None, ItemState.PENDING, ItemState.CONFLICT):
        assert planned(ANNOTATED, account(None, None), recorded) == Move(Write(Content(BOTH)))


def test_what_was_written_and_is_gone_is_repaired_or_told() -> None:
    assert planned(ANNOTATED, account("client", None, held_by=(OURS,)), ItemState.SYNCED).is_repair
    assert planned(MAPPED, None, ItemState.SYNCED).is_repair
    for recorded in (ItemState.SYNCED, ItemState.DRIFTED):
        for wish, observed in (
            (ANNOTATED, account(None, None)),
            (MAPPED, None),
            (MAPPED, config_map("x", held_by="y")),
        ):
            move = planned(replace(wish, drift=DriftPolicy.REPORT), observed, recorded)
            assert (move.step, reason(move)) == (None, Reason.DRIFTED)


def test_a_config_map_of_others_is_left_alone_whatever_is_wished() -> None:
    for made_for in (None, "other"):
        for intent in Intent:
            move = planned(replace(MAPPED, intent=intent), config_map("client", made_for))
            assert move.step is None


def test_a_config_map_follows_its_federation_as_asked() -> None:
    content = MAPPED.content or Content({})
    assert planned(MAPPED, config_map("client", follows=False)) == Move(Write(content))
    released = replace(MAPPED, intent=Intent.RELEASE, content=None)
    assert planned(released, config_map("client")) == Move(
        Write(Content({CLIENT_ID_VARIABLE: "client"}, follows=False))
    )
    assert planned(released, config_map("client", follows=False)) == Move()


def test_nothing_is_withdrawn_where_nothing_is_ours() -> None:
    gone = Wish(ACCOUNT, Intent.WITHDRAW)
    assert planned(gone, None) == planned(gone, account("client", "tenant", held_by=(THEIRS,))) == Move()
    assert planned(gone, account("client", None, held_by=(THEIRS, OURS))) == Move(Remove())


values = st.sampled_from([None, "client", "tenant", "another"])
managers = st.frozensets(st.sampled_from([OURS, THEIRS, "entrafed/other"]))


@st.composite
def accounts(draw: st.DrawFn) -> ObservedOutput:
    found = {key: draw(values) for key in BOTH}
    held = {key: draw(managers) if found[key] is not None else frozenset() for key in BOTH}
    return ObservedOutput("uid", "1", {key: value for key, value in found.items() if value is not None}, held)


def taken(move: Move, observed: ObservedOutput) -> ObservedOutput:
    """What an apply that is not forced makes of a service account."""
    if move.step is None:
        return observed
    wanted = move.step.content.values if isinstance(move.step, Write) else {}
    values, held = dict(observed.values), dict(observed.managers)
    for key in BOTH:
        standing = values.get(key)
        if key in wanted:
            assert standing in (None, wanted[key]) or held[key] == {OURS}, "the API server would refuse this"
            values[key], held[key] = wanted[key], held[key] | {OURS}
        elif OURS in held[key]:
            held[key] -= {OURS}
            if not held[key]:
                del values[key]
    return replace(observed, values=values, managers=held)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(accounts(), st.sampled_from([None, *ItemState]), st.sampled_from(Intent), st.sampled_from(DriftPolicy))
def test_a_second_plan_is_empty_and_what_others_hold_stays(
    observed: ObservedOutput, recorded: ItemState | None, intent: Intent, drift: DriftPolicy
) -> None:
    wish = replace(ANNOTATED, intent=intent, drift=drift)
    move = planned(wish, observed, recorded)
    after = taken(move, observed)

    assert planned(wish, after, ItemState.PENDING if move.step else recorded).step is None
    for key, holders in observed.managers.items():
        if holders - {OURS}:
            assert after.values[key] == observed.values[key]
            assert after.managers[key] - {OURS} == holders - {OURS}
    if intent is Intent.WRITE and move.problem is None:
        assert after.values == BOTH
        assert all(OURS in held for held in after.managers.values())
    elif move.step is not None:
        assert not any(OURS in held for held in after.managers.values())


def test_a_field_manager_is_as_long_as_may_be_and_one_for_each_federation() -> None:
    assert field_manager("payments", "web") == "entrafed/web"
    long = [field_manager("payments", "w" * 119 + end) for end in ("", "x", "y")]
    assert [len(name) for name in long] == [128, 128, 128]
    assert len(set(long)) == 3
