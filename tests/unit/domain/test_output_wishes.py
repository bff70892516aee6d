"""What is wished of each output, given what is known of the object."""

from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.outputs import CLIENT_ID_ANNOTATION
from entrafed.api.reasons import Reason
from entrafed.api.states import OutputKind
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Knowledge, Outcome
from entrafed.domain.output_wishes import Moment, wishes_of
from entrafed.domain.outputs import Content, Intent, Output, Wish
from unit.domain.federations import CREATED_AT, Manifest, federation
from unit.domain.knowing import TARGET

ACCOUNT = Output(OutputKind.SERVICE_ACCOUNT, "web")
MAP = Output(OutputKind.CONFIG_MAP, "web-entra")
ITEM: Manifest = {"name": "pods", "serviceAccount": {"name": "web", "annotationPolicy": "Write"}}
SILENT: Manifest = {"name": "pods", "serviceAccount": {"name": "web"}}
ENTRA: Manifest = {"configMap": {"name": "web-entra"}}
NOW, DELAY = CREATED_AT + 3600, 600.0
MOMENT = Moment(NOW, DELAY, "https://login.example")
DENIED = Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, "no rule")
REVOKED = Problem(ProblemKind.FORBIDDEN, Reason.REVOKED, "no rule")
UNKNOWN = Problem(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, "Azure is away")
DELETED = "2026-01-31T13:00:00Z"


def written(output: Output, **more: Any) -> Manifest:
    """A row about something that was written."""
    return {
        "kind": output.kind,
        "name": output.name,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "fieldManager": "entrafed/web",
        **more,
    }


def status(*rows: Manifest) -> Manifest:
    return {"observedGeneration": 1, "outputs": list(rows)}


def allowed(problem: Problem | None = None, *, whole: Problem | None = None, since: float | None = None) -> Knowledge:
    outcome = Outcome("pods", (), problem, denied_since=since)
    return Knowledge((outcome,), target=TARGET, problem=whole, may_show_target=whole is not DENIED)


def wishes(knowledge: Knowledge, *items: Manifest, rows: tuple[Manifest, ...] = (), **more: Any) -> dict[Output, Wish]:
    one = federation(*items, status=status(*rows), **more)
    return {wish.output: wish for wish in wishes_of(one, knowledge, MOMENT)}


def test_nothing_is_wished_unless_it_is_asked_for() -> None:
    assert wishes(allowed(), SILENT) == {}


def test_what_is_asked_for_is_written_once_the_target_is_known() -> None:
    found = wishes(allowed(), ITEM, output=ENTRA)
    assert found[ACCOUNT].intent is found[MAP].intent is Intent.WRITE
    content = found[ACCOUNT].content
    assert content is not None
    assert content.values[CLIENT_ID_ANNOTATION] == TARGET.client_id
    assert found[MAP].content == Content(
        {
            "AZURE_CLIENT_ID": TARGET.client_id,
            "AZURE_TENANT_ID": TARGET.tenant_id,
            "AZURE_AUTHORITY_HOST": "https://login.example/",
        },
        follows=True,
    )


def test_a_config_map_that_is_retained_does_not_follow_its_object() -> None:
    content = wishes(allowed(), output=ENTRA, deletionPolicy="Retain")[MAP].content
    assert content is not None
    assert not content.follows


@pytest.mark.parametrize("rows", [(), (written(ACCOUNT), written(MAP))])
def test_what_cannot_be_told_now_is_kept(rows: tuple[Manifest, ...]) -> None:
    unresolved = Knowledge((Outcome("pods", (), UNKNOWN),), problem=UNKNOWN)
    for wish in wishes(unresolved, ITEM, output=ENTRA, rows=rows).values():
        assert (wish.intent, wish.problem) == (Intent.KEEP, UNKNOWN)


def test_what_was_denied_stays_so_since_then_while_nothing_can_be_told() -> None:
    unresolved = Knowledge((Outcome("pods", (), UNKNOWN, denied_since=NOW - 1),), problem=UNKNOWN)
    rows = (written(ACCOUNT), written(MAP, deniedSince="2026-01-31T12:50:00Z"))
    found = wishes(unresolved, ITEM, output=ENTRA, rows=rows)
    assert (found[ACCOUNT].denied_since, found[MAP].denied_since) == (NOW - 1, NOW - DELAY)
    assert {wish.intent for wish in found.values()} == {Intent.KEEP}


def test_what_is_denied_is_kept_until_it_is_revoked() -> None:
    assert wishes(allowed(DENIED, since=NOW - 1), ITEM)[ACCOUNT].intent is Intent.KEEP
    assert wishes(allowed(REVOKED, since=NOW - DELAY), ITEM)[ACCOUNT].intent is Intent.WITHDRAW


def test_what_was_never_shown_to_be_allowed_is_withdrawn_at_once() -> None:
    never = Knowledge((Outcome("pods", (), DENIED),), problem=DENIED)
    found = wishes(never, ITEM, output=ENTRA, rows=(written(ACCOUNT), written(MAP)))
    assert {wish.intent for wish in found.values()} == {Intent.WITHDRAW}


@pytest.mark.parametrize("whole", [DENIED, UNKNOWN])
def test_a_config_map_whose_target_is_denied_is_kept_for_the_delay(whole: Problem) -> None:
    knowledge = Knowledge(target=TARGET, problem=whole, may_show_target=False)
    first = wishes(knowledge, output=ENTRA, rows=(written(MAP),))[MAP]
    since = written(MAP, deniedSince="2026-01-31T12:50:00Z")  # as long ago as the delay
    last = wishes(knowledge, output=ENTRA, rows=(since,))[MAP]
    assert (first.intent, first.denied_since, first.until) == (Intent.KEEP, NOW, NOW + DELAY)
    assert (last.intent, last.denied_since) == (Intent.WITHDRAW, NOW - DELAY)


def test_a_denied_config_map_that_was_never_written_is_never_revoked() -> None:
    told = {
        key: value for key, value in written(MAP, deniedSince="2026-01-31T12:50:00Z").items() if key != "fieldManager"
    }
    wish = wishes(Knowledge(target=TARGET, problem=DENIED), output=ENTRA, rows=(told,))[MAP]
    assert (wish.intent, wish.problem, wish.until) == (Intent.KEEP, DENIED, None)


def test_a_time_to_come_defers_nothing() -> None:
    knowledge = Knowledge(target=TARGET, problem=DENIED)
    later = written(MAP, deniedSince="2036-01-31T12:50:00Z")
    assert wishes(knowledge, output=ENTRA, rows=(later,))[MAP].denied_since == NOW


def test_what_is_asked_for_no_more_is_withdrawn_unless_suspended() -> None:
    rows = (written(ACCOUNT), written(MAP))
    assert {w.intent for w in wishes(allowed(), SILENT, rows=rows).values()} == {Intent.WITHDRAW}
    kept = wishes(allowed(), SILENT, rows=rows, suspend=True)
    assert {(w.intent, w.is_asked) for w in kept.values()} == {(Intent.KEEP, False)}


def test_what_was_told_of_and_never_written_is_not_withdrawn() -> None:
    told = {key: value for key, value in written(ACCOUNT).items() if key != "fieldManager"}
    assert wishes(allowed(), SILENT, rows=(told,)) == {}


@pytest.mark.parametrize(
    ("policy", "since", "intents"),
    [
        ("Delete", None, {ACCOUNT: Intent.WITHDRAW, MAP: Intent.WITHDRAW}),
        ("Retain", None, {MAP: Intent.RELEASE}),
        ("Retain", DELETED, {ACCOUNT: Intent.WITHDRAW, MAP: Intent.WITHDRAW}),
    ],
)
def test_who_leaves_takes_along_what_it_may(policy: str, since: str | None, intents: dict[Output, Intent]) -> None:
    rows = tuple(written(output, **({"deniedSince": since} if since else {})) for output in (ACCOUNT, MAP))
    found = wishes(Knowledge(), ITEM, output=ENTRA, rows=rows, deleted=DELETED, deletionPolicy=policy)
    assert {output: wish.intent for output, wish in found.items()} == intents


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_from_a_namespace_that_goes_itself_nothing_need_be_taken(policy: str) -> None:
    rows = (written(ACCOUNT), written(MAP, deniedSince=DELETED))
    one = federation(ITEM, output=ENTRA, status=status(*rows), deleted=DELETED, deletionPolicy=policy)
    assert wishes_of(one, Knowledge(), replace(MOMENT, is_ending=True)) == ()


def test_into_a_namespace_that_goes_itself_nothing_is_written() -> None:
    former = Output(OutputKind.CONFIG_MAP, "former")
    one = federation(ITEM, output=ENTRA, status=status(written(ACCOUNT), written(former)))
    found = wishes_of(one, allowed(), replace(MOMENT, is_ending=True))
    assert {wish.output: wish.intent for wish in found} == dict.fromkeys((ACCOUNT, MAP, former), Intent.KEEP)
    assert all(wish.problem is not None for wish in found)  # what was not written before is not told to be
