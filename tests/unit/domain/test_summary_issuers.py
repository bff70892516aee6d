"""What a status says while an issuer of the cluster retires."""

from dataclasses import replace

from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.reasons import Reason
from entrafed.api.states import CredentialState, ItemState
from entrafed.api.status import CredentialItemStatus, CredentialStatus, FederationStatus
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Left, Outcome, Retirement, Standing
from entrafed.domain.summary import summarise
from entrafed.domain.times import to_text
from unit.domain.federations import CREATED_AT, federation
from unit.domain.knowing import observed, shown
from unit.domain.summarising import LATER, knowing, looked, of, problem, ready, recorded, row, rows, synced

SUBJECT = "system:serviceaccount:payments:web"
OLD, NEW = (Trust(Pair(f"https://oidc.example/{name}", SUBJECT), "api://x") for name in ("old", "new"))
ITEM = {"name": "pods", "serviceAccount": {"name": "web"}}


def said(
    *before: CredentialStatus,
    since: float | None = None,
    certain: bool = True,
    standing: Standing | None = None,
    item: str = "pods",
    problem: Problem | None = None,
    now: float = LATER,
) -> FederationStatus:
    """The status while OLD stands besides what `standing` says of NEW."""
    outcome = Outcome("pods", (NEW,), problem, retiring={} if problem else {OLD.pair: Retirement(since, certain)})
    found = looked({} if problem else {NEW: standing or synced(NEW)}, Left(observed(OLD), None))
    return summarise(federation(ITEM, status=recorded(row(item, *before))), knowing(found, outcome), now)


def credential(status: FederationStatus, trust: Trust, item: str = "pods") -> CredentialStatus:
    return next(c for c in rows(status)[item].credentials if c.issuer == trust.pair.issuer)


def the_item(status: FederationStatus) -> CredentialItemStatus:
    return rows(status)["pods"]


def test_what_retires_is_dated_and_everything_is_ready() -> None:
    status = said(shown(OLD))
    assert credential(status, OLD).retiring_since == to_text(LATER)
    assert credential(status, NEW).retiring_since is None
    assert (credential(status, OLD).state, credential(status, NEW).state) == (
        CredentialState.RETIRING,
        CredentialState.STANDING,
    )
    assert ready(status).status is ConditionStatus.TRUE
    assert of(ConditionType.RECONCILING, status) is None
    assert (the_item(status).state, the_item(status).reason) == (ItemState.SYNCED, Reason.ISSUER_RETIRING)
    assert OLD.pair.issuer in ready(status).message


def test_it_retires_still_while_the_issuers_cannot_be_read() -> None:
    retiring = credential(said(shown(OLD)), OLD)
    one = federation(ITEM, status=recorded(row("pods", retiring)))
    unknown = Outcome("pods", (OLD, NEW), Problem(ProblemKind.TRANSIENT, Reason.ISSUER_UNKNOWN, "m"))
    for found in (None, looked({}, Left(observed(OLD), None))):
        assert credential(summarise(one, knowing(found, unknown), LATER), OLD) == retiring


def test_its_date_stays() -> None:
    first = credential(said(shown(OLD)), OLD)
    again = said(first, since=LATER, now=LATER + 500)
    assert credential(again, OLD) == first


def test_it_does_not_begin_to_retire_before_its_successor_stands() -> None:
    moving = Standing(observed(NEW), synced(NEW).origin, problem(ProblemKind.WAITING, Reason.PROPAGATING))
    status = said(shown(OLD), standing=moving)
    assert credential(status, OLD).retiring_since is None
    assert ready(status).reason == Reason.PROPAGATING


def test_nor_while_it_may_be_announced_still() -> None:
    status = said(shown(OLD), certain=False)
    assert credential(status, OLD).retiring_since is None
    assert the_item(status).reason == Reason.SYNCED


def test_a_renamed_item_takes_along_what_retires() -> None:
    status = said(replace(shown(OLD), retiring_since=to_text(CREATED_AT)), since=CREATED_AT, item="former-name")
    assert list(rows(status)) == ["pods"]
    assert credential(status, OLD).retiring_since == to_text(CREATED_AT)


def test_an_item_that_is_denied_meanwhile_forgets_no_date() -> None:
    denied = problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED)
    status = said(replace(shown(OLD), retiring_since=to_text(CREATED_AT)), problem=denied)
    assert credential(status, OLD).retiring_since == to_text(CREATED_AT)


def test_what_is_announced_again_has_no_date_any_more() -> None:
    dated = replace(shown(OLD), retiring_since=to_text(CREATED_AT))
    one = federation(ITEM, status=recorded(row("pods", dated)))
    status = summarise(one, knowing(looked({OLD: synced(OLD)}), Outcome("pods", (OLD,))), LATER)
    assert credential(status, OLD) == shown(OLD)


def test_an_issuer_that_entra_cannot_read_is_a_remark_and_no_failure() -> None:
    local = Trust(Pair("https://127.0.0.1:6443", SUBJECT), "api://x")
    status = summarise(federation(ITEM), knowing(looked({local: synced(local)}), Outcome("pods", (local,))), LATER)
    assert ready(status).status is ConditionStatus.TRUE
    assert "AADSTS501661" in ready(status).message
    assert (the_item(status).state, the_item(status).reason) == (ItemState.SYNCED, Reason.ISSUER_UNREACHABLE)
