"""No token or assertion gets out: not in an exception, not in a log line of any library, whatever Azure sends back."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from arm_roles import BLOB_READER, WEB_PRINCIPAL
from cloud_world import APPLICATION, IDENTITY, PARENTS, Connected, connected, new_credential
from entrafed.azure import CallTiming
from entrafed.domain.assignments import Assignment, ObservedAssignment, Running
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem
from entrafed.domain.roles import role_key
from entrafed.runtime.logs import SILENT_BELOW_ERROR
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.seed import API_VM, HOME_TENANT, READER_APP, STORAGE_ACCOUNT, WEB_IDENTITY

SOMEBODY = "99999999-9999-4999-8999-999999999999"
ROLE = role_key(BLOB_READER, WEB_PRINCIPAL)
SERVICES = {APPLICATION: ServiceName.GRAPH, IDENTITY: ServiceName.ARM}


@dataclass
class Wire:
    """What was really sent: the secrets that must be seen nowhere else."""

    assertions: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)

    def hear(self, call: Call) -> None:
        if call.service is ServiceName.LOGIN:
            self.assertions.update(parse_qs(call.body.decode())["client_assertion"])
        else:
            self.access_tokens.add(call.headers["authorization"].removeprefix("Bearer "))

    @property
    def parts(self) -> set[str]:
        """Each token, and each of its three parts."""
        tokens = self.assertions | self.access_tokens
        return tokens | {part for token in tokens for part in token.split(".")[1:]}

    def leaks_into(self, text: str) -> bool:
        return any(part in text for part in self.parts)


@pytest.fixture
def wire(simulated_azure: SimulatedAzure) -> Wire:
    """Hears every request from now on."""
    wire = Wire()
    simulated_azure.faults.add(Fault(), notify=wire.hear)
    return wire


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that any library logs, down to DEBUG and before it is redacted; but for those that the process silences."""
    caplog.set_level(logging.DEBUG)
    for name in SILENT_BELOW_ERROR:
        caplog.set_level(logging.ERROR, logger=name)
    return lambda: caplog.text + "".join(capfd.readouterr())


async def shown_by(call: Awaitable[object]) -> str:
    """All that a log line or a traceback could show of a call's failure, its causes and contexts too."""
    try:
        await call
    except AzureProblem as raised:
        return f"{raised!r} {raised} {raised.problem} {raised.request_id} {''.join(traceback.format_exception(raised))}"
    return ""


def calls(world: Connected, parent: Parent) -> list[Awaitable[object]]:
    """Every call; to be awaited, each."""
    cloud, sign_in = world.cloud, world.sign_in
    return [
        cloud.credentials(sign_in, parent),
        cloud.create(sign_in, parent, new_credential()),
        cloud.update(sign_in, parent, new_credential("mif-there", subject="another")),
        cloud.delete(sign_in, parent, "mif-there"),
    ]


def echoes(secret: str) -> list[Fault]:
    """Answers that quote a secret in every place that an answer has."""
    quoting = f"The token '{secret}' (Authorization: Bearer {secret}) is not valid"
    return [
        *(Fault(status=status, code=secret, message=quoting) for status in (400, 403, 404, 409, 418, 429, 503)),
        *(Fault(status=status, body=f"<html>{quoting}</html>") for status in (200, 400, 403, 502)),
        Fault(status=200, body=f'{{"value": "{secret}"}}', content_type="application/json"),
        Fault(status=200, body=f'{{"value": ["{secret}"', content_type="application/json"),
        Fault(status=302, headers={"Location": f"https://elsewhere.example/?{secret}"}),
        Fault(status=400, message=quoting, headers={"x-ms-request-id": "id", "request-id": "id"}),
    ]


@pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())
async def test_an_answer_that_quotes_our_token_shows_it_to_nobody(
    world: Connected, wire: Wire, parent: Parent, logged: Callable[[], str]
) -> None:
    await world.cloud.credentials(world.sign_in, parent)
    (token,) = wire.access_tokens
    world.azure.faults.clear()
    shown = ""
    for fault in echoes(token):
        handle = world.azure.faults.add(replace(fault, services=(SERVICES[parent],)))
        for call in calls(world, parent):
            shown += await shown_by(call)
        assert handle.hits >= 4
        handle.remove()
    assert "<removed>" in shown
    assert not wire.leaks_into(shown)
    assert not wire.leaks_into(logged())


async def test_a_refused_sign_in_that_quotes_our_assertion_shows_it_to_nobody(
    world: Connected, wire: Wire, logged: Callable[[], str]
) -> None:
    assertion = world.token_file.read_text()
    await world.cloud.own_identity(world.sign_in)
    assert wire.assertions == {assertion}
    world.azure.faults.clear()
    shown = ""
    for fault in (*echoes(assertion), Fault(status=401, code="AADSTS700213", message=f"No match for '{assertion}'.")):
        handle = world.azure.faults.add(replace(fault, services=(ServiceName.LOGIN,)))
        shown += await shown_by(world.cloud.credentials(world.sign_in, IDENTITY))
        assert handle.hits == 1
        handle.remove()
    assert "<removed>" in shown
    assert not wire.leaks_into(shown)
    assert not wire.leaks_into(logged())


ASSIGNMENTS = {
    "host": (Parent(ParentKind.HOST, HOME_TENANT, API_VM.lower()), ServiceName.ARM, WEB_IDENTITY.lower(), ""),
    "scope": (Parent(ParentKind.SCOPE, HOME_TENANT, STORAGE_ACCOUNT.lower()), ServiceName.ARM, ROLE, SOMEBODY),
    "tenant": (Parent(ParentKind.TENANT_APP, HOME_TENANT, READER_APP), ServiceName.GRAPH, READER_APP, SOMEBODY),
}
"""One of each kind, with what is asked for there."""


@pytest.mark.parametrize("kind", ASSIGNMENTS)
async def test_an_answer_about_hosts_roles_and_tenants_that_quotes_our_token_shows_it_to_nobody(
    world: Connected, wire: Wire, kind: str, logged: Callable[[], str]
) -> None:
    parent, service, key, id_ = ASSIGNMENTS[kind]
    cloud, sign_in = world.cloud, world.sign_in
    await cloud.assignments(sign_in, parent, frozenset({key}))
    (token,) = wire.access_tokens
    world.azure.faults.clear()
    shown = ""
    for fault in (*echoes(token), *operations_that_quote(token)):
        handle = world.azure.faults.add(replace(fault, services=(service,)))
        running = Running(f"{world.azure.url(ServiceName.ARM)}/operations/1", 1.0)
        for call in (
            cloud.assignments(sign_in, parent, frozenset({key})),
            cloud.assign(sign_in, parent, (Assignment(key),), "For tests."),
            cloud.unassign(sign_in, parent, (ObservedAssignment(key, "", id_=id_),)),
            cloud.follow(sign_in, parent, running),
        ):
            shown += await shown_by(call)
        assert handle.hits
        handle.remove()
    assert "<removed>" in shown
    assert not wire.leaks_into(shown)
    assert not wire.leaks_into(logged())


def operations_that_quote(secret: str) -> list[Fault]:
    """Changes that fail later, and say so with a secret."""
    quoted = f'"code": "{secret}", "message": "Bearer {secret}"'
    body = f'{{"status": "Failed", "error": {{{quoted}}}}}'
    return [Fault(status=200, body=body, content_type="application/json")]


async def test_no_token_is_sent_where_an_answer_about_a_change_leads(world: Connected) -> None:
    """Not even when a caller insists."""
    parent = ASSIGNMENTS["host"][0]
    async with connected(world.azure, world.token_file) as other:
        elsewhere = f"{world.azure.url(ServiceName.GRAPH)}/v1.0/applications"
        assert await other.cloud.follow(other.sign_in, parent, Running(elsewhere, 1.0)) == Running("", 10.0)
        assert not other.requests(ServiceName.GRAPH)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(refuse=True),
        Fault(hang=True),
        Fault(lose_answer=True),
        Fault(status=401),
        Fault(status=503, body="<html>"),
        None,
    ],
    ids=["refused", "hangs", "lost", "401", "503", "well"],
)
@pytest.mark.parametrize("service", [ServiceName.LOGIN, ServiceName.GRAPH, ServiceName.ARM])
async def test_nothing_that_was_sent_is_shown_whatever_becomes_of_it(
    simulated_azure: SimulatedAzure,
    operator_token: Path,
    fault: Fault | None,
    service: ServiceName,
    logged: Callable[[], str],
) -> None:
    wire, shown = Wire(), ""
    async with connected(simulated_azure, operator_token, timing=CallTiming(request_timeout=0.2)) as world:
        handle = simulated_azure.faults.add(replace(fault or Fault(), services=(service,)), notify=wire.hear)
        for parent in PARENTS:
            for call in calls(world, parent):
                shown += await shown_by(call)
        assert handle.hits
    assert wire.assertions | wire.access_tokens
    assert shown
    assert not wire.leaks_into(shown)
    assert not wire.leaks_into(logged())


async def test_the_operators_own_sign_in_by_token_claims_shows_no_token(
    world: Connected, logged: Callable[[], str]
) -> None:
    wire = Wire()
    denied = Fault(services=(ServiceName.GRAPH,), status=403, code="Authorization_RequestDenied")
    world.azure.faults.add(denied, notify=wire.hear)
    await world.cloud.own_identity(world.sign_in)
    assert wire.access_tokens
    seen = logged()
    assert "own_identity_from_token" in seen
    assert not wire.leaks_into(seen)
