"""Which issuers Entra cannot read, how those that a cluster had before retire, and what is told of it."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import CredentialItemStatus, CredentialStatus, FederationStatus
from entrafed.domain.asks import Record
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.findings import Outcome, Retirement
from entrafed.domain.issuers import Announced, is_unreachable, news_of_issuers, remark_on, retiring
from unit.domain.summarising import recorded

BLUE, GREEN = "https://oidc.example/blue", "https://oidc.example/green/"
SUBJECT = "system:serviceaccount:payments:web"
NOW, GRACE = 1_000_000.0, 1000.0


@pytest.mark.parametrize(
    "issuer",
    [
        "https://localhost",
        "https://127.0.0.1:6443",
        "https://[::1]:6443/",
        "https://10.0.0.1",
        "https://172.16.3.4/x",
        "https://192.168.1.1",
        "https://169.254.1.1",
        "https://[fd00::1]",
        "https://kubernetes",
        "https://kubernetes.default.svc",
        "https://kubernetes.default.svc.cluster.local",
        "https://KUBERNETES.DEFAULT.SVC.CLUSTER.LOCAL.:443/",
        "https://oidc.corp.internal",
        "https://gitlab.localhost",
        "https://github.contoso.corp/_services/token",
        "https://100.64.0.7",
        "http://oidc.example",
        "kubernetes/serviceaccount",
        "https://",
        "https://[",
        "",
    ],
)
def test_what_is_not_on_the_internet_cannot_be_read(issuer: str) -> None:
    assert is_unreachable(issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://westeurope.oic.prod-aks.azure.com/1/2/",
        "https://token.actions.githubusercontent.com",
        "https://8.8.8.8",
        "https://[2001:4860:4860::8888]:443",
        "https://local.example",
        "https://localhost.example.com",
        "https://corp.example.com",
        "https://home.example.com/corp",
        "https://xn--bcher-kva.example",
    ],
)
def test_what_may_be_on_the_internet_is_not_doubted(issuer: str) -> None:
    assert not is_unreachable(issuer)


@given(st.text())
def test_whatever_a_cluster_calls_its_issuer_is_judged(issuer: str) -> None:
    assert is_unreachable(issuer) in (True, False)


def record(issuer: str, *, item: str = "pods", subject: str = SUBJECT, since: float | None = None) -> Record:
    return Record(item, f"mif-{issuer}", Trust(Pair(issuer, subject), "api://x"), since)


def kept(*records: Record, announced: Announced | None = None) -> dict[str, float | None]:
    """The issuers that retire, and since when."""
    announced = announced or Announced(frozenset({GREEN}))
    found = retiring("pods", SUBJECT, records, announced, now=NOW, grace=GRACE)
    return {pair.issuer: retirement.since for pair, retirement in found.items()}


def test_what_was_written_for_a_former_issuer_stays() -> None:
    assert kept(record(BLUE), record(GREEN)) == {BLUE: None}


def test_it_stays_for_its_grace_and_no_longer() -> None:
    assert kept(record(BLUE, since=NOW - GRACE + 1)) == {BLUE: NOW - GRACE + 1}
    assert kept(record(BLUE, since=NOW - GRACE)) == {}


def test_a_time_to_come_which_only_a_hand_can_have_written_defers_nothing() -> None:
    assert kept(record(BLUE, since=NOW + 10 * GRACE)) == {BLUE: NOW}
    assert kept(record(BLUE, since=float("inf"))) == {BLUE: NOW}


def test_an_issuer_that_is_announced_does_not_retire_whatever_is_recorded() -> None:
    assert kept(record(GREEN, since=NOW - 10 * GRACE)) == {}


def test_another_service_account_leaves_nothing_behind() -> None:
    assert kept(record(BLUE, subject="system:serviceaccount:payments:former")) == {}


def test_what_another_item_asked_for_goes_with_that_item() -> None:
    """Such as an `oidc` item that named the issuer of another cluster."""
    assert kept(record(BLUE, item="other")) == {}


def test_a_renamed_item_keeps_what_retires() -> None:
    assert kept(record(BLUE, item="former-name", since=NOW)) == {BLUE: NOW}


def test_while_not_every_api_server_was_heard_nothing_retires_for_certain() -> None:
    announced = Announced(frozenset({GREEN}), certain_in=60.0)
    found = retiring("pods", SUBJECT, [record(BLUE)], announced, now=NOW, grace=GRACE)
    assert found == {Pair(BLUE, SUBJECT): Retirement(None, certain=False)}


def outcome(*issuers: str, retires: Iterable[str] = (), certain: bool = True) -> Outcome:
    trusts = tuple(Trust(Pair(issuer, SUBJECT), "api://x") for issuer in issuers)
    return Outcome("pods", trusts, retiring={Pair(one, SUBJECT): Retirement(None, certain) for one in retires})


def test_nothing_is_said_of_what_is_as_it_should_be() -> None:
    assert remark_on(outcome(BLUE, GREEN), ()) is None


def test_an_issuer_that_cannot_be_read_is_named_with_the_code_that_entra_will_answer() -> None:
    remark = remark_on(outcome(BLUE, "https://127.0.0.1:6443"), ())
    assert remark is not None
    assert remark.reason is Reason.ISSUER_UNREACHABLE
    assert "https://127.0.0.1:6443" in remark.message
    assert "AADSTS501661" in remark.message


def test_what_retires_is_named_while_it_stands() -> None:
    asked = outcome(GREEN, retires=[BLUE])
    remark = remark_on(asked, [Pair(BLUE, SUBJECT)])
    assert remark is not None
    assert remark.reason is Reason.ISSUER_RETIRING
    assert BLUE in remark.message
    assert remark_on(asked, ()) is None
    assert remark_on(outcome(GREEN, retires=[BLUE], certain=False), [Pair(BLUE, SUBJECT)]) is None


def shown(issuer: str, *, since: str | None = None) -> CredentialStatus:
    return CredentialStatus(
        credential_name=f"mif-{issuer}",
        issuer=issuer,
        subject=SUBJECT,
        audience="api://x",
        origin=Origin.OPERATOR,
        retiring_since=since,
    )


def status(*credentials: CredentialStatus, reason: Reason = Reason.SYNCED) -> FederationStatus:
    row = CredentialItemStatus(name="pods", state=ItemState.SYNCED, reason=reason, message="so it is")
    return recorded(replace(row, credentials=credentials))


SINCE = "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        (status(shown(BLUE)), status(shown(BLUE), shown(GREEN)), []),
        (status(shown(BLUE)), status(shown(BLUE, since=SINCE), shown(GREEN)), [Reason.ISSUER_RETIRING]),
        (status(shown(BLUE, since=SINCE)), status(shown(BLUE, since=SINCE)), []),
        (status(shown(BLUE, since=SINCE)), status(shown(BLUE)), []),
        (status(shown(BLUE, since=SINCE)), status(shown(GREEN)), [Reason.ISSUER_RETIRED]),
        (status(shown(BLUE)), status(shown(GREEN)), []),
        (status(), status(reason=Reason.ISSUER_UNREACHABLE), [Reason.ISSUER_UNREACHABLE]),
        (status(reason=Reason.ISSUER_UNREACHABLE), status(reason=Reason.ISSUER_UNREACHABLE), []),
    ],
)
def test_each_change_is_told_once(before: FederationStatus, after: FederationStatus, news: list[Reason]) -> None:
    assert [remark.reason for remark in news_of_issuers(before, after)] == news
