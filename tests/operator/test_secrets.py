"""No token, assertion or secret in anything that the operator says, whatever Azure or a proxy throws back at it."""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
import pytest_asyncio

from entrafed.api.metadata import CONNECTIONS
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.exchange import Call
from manifests import from_oidc
from operator_process import Operator, StartOperator
from operator_world import TARGETS, World

DIRECTORY = (ServiceName.GRAPH, ServiceName.ARM)
MARKER = "planted-before"
"""Stands beside each planted value: that it is seen proves that the text was shown, and was not dropped whole."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=0.02, azure_rate_scale=100)


@dataclass
class Overheard:
    """What a simulated service was sent."""

    tokens: set[str] = field(default_factory=set)
    assertions: set[str] = field(default_factory=set)

    def hear(self, call: Call) -> None:
        if call.service is ServiceName.LOGIN:
            self.assertions.update(parse_qs(call.body.decode()).get("client_assertion", ()))
        elif "authorization" in call.headers:
            self.tokens.add(call.headers["authorization"].removeprefix("Bearer "))


async def told(world: World) -> dict[str, str]:
    """Everything that anybody gets to see of the operator by now, by where."""
    return {
        "output": world.operator.output,
        "metrics": await world.operator.metrics(),
        "events": await world.kubectl("get", "events", "--all-namespaces", "--output=json"),
        "connections": await world.kubectl("get", CONNECTIONS, "--output=json"),
        "statuses": json.dumps([version.body for versions in world.versions.values() for version in versions]),
    }


def secret_parts(token: str) -> tuple[str, ...]:
    """A token's claims and its signature: each alone gives it away, its header does not."""
    _, claims, signature = token.split(".")
    return claims[:40], signature[:40]


def echo(token: str) -> dict[str, Fault]:
    """Answers that throw back what they were sent, one for each way in which the operator shows Azure's words."""
    sentence = f"{MARKER} Authorization: Bearer {token}, {token}"
    headers = {"request-id": f"Bearer {token}", "Retry-After": token, "Location": f"https://127.0.0.1/?t={token}"}
    unknown = json.dumps({"error": {"code": "Teapot", "message": sentence}})
    as_code = json.dumps({"error": {"code": f"{MARKER} {token}", "message": sentence}})
    return {
        "AzureError": Fault(services=DIRECTORY, status=418, body=unknown, headers=headers),
        "AzureUnavailable": Fault(services=DIRECTORY, status=503, body=as_code, headers=headers),
        "UnexpectedAnswer": Fault(services=DIRECTORY, status=200, body=f"<p>{sentence}</p>", headers=headers),
        "ValueRefused": Fault(
            services=DIRECTORY,
            methods=("POST", "PUT"),
            status=400,
            code="Request_BadRequest",
            message=f"It is invalid: {sentence}",
        ),
    }


async def test_nothing_secret_is_told_whatever_is_thrown_back(world: World) -> None:
    overheard = Overheard()
    world.azure.faults.add(Fault(), notify=overheard.hear)  # harms nothing, hears all
    for name, (_, target) in TARGETS.items():
        await world.apply(world.federation(from_oidc(), name=name, target=target))
    await world.until_ready(*TARGETS)
    assert overheard.assertions == {world.operator.token_file.read_text()}
    assert len(overheard.tokens) == 2

    for token in overheard.tokens:
        for reason, fault in echo(token).items():
            world.azure.faults.clear()
            planted = world.azure.faults.add(fault)
            item = from_oidc(subject=f"{reason}-{planted.id}")
            await world.apply(
                *(world.federation(item, name=name, target=target) for name, (_, target) in TARGETS.items())
            )
            for name in TARGETS:
                await world.until_reason(reason, name)
            assert planted.hits >= 2

    (assertion,) = overheard.assertions
    of_connections = []
    for number in (9999999, 700213):
        text = f"AADSTS{number}: {MARKER} client_assertion={assertion}&scope=x {assertion}"
        body = json.dumps({"error": f"{MARKER} {assertion}", "error_description": text, "error_codes": [number]})
        world.azure.faults.clear()
        planted = world.azure.faults.add(Fault(services=(ServiceName.LOGIN,), status=401, body=body))
        await world.connect(refused := f"{world.namespace}-{number}")
        await world.apply(world.federation(from_oidc(), name="login", connectionRef={"name": refused}))
        await world.until_reason("SignInFailed", "login")
        assert planted.hits >= 1
        await world.until_connection(lambda body: "SignInFailed" in json.dumps(body), "refused", refused)
        of_connections.append((await told(world))["connections"])
        await world.delete("login")

    said = await told(world)
    said["connections"] = "".join(of_connections)
    for where in ("output", "events", "connections", "statuses"):
        assert MARKER in said[where]
        assert "removed" in said[where]
    for token in (*overheard.tokens, assertion, world.cluster.token_file.read_text().strip()):
        for part in secret_parts(token):
            assert [where for where, text in said.items() if part in text] == []


@pytest.mark.parametrize("part", [0, 1])
def test_the_search_would_find_a_part_of_a_token(part: int) -> None:
    token = ".".join((f"head{'h' * 60}", f"claims{'c' * 60}", f"signature{'s' * 60}"))
    assert secret_parts(token)[part] in json.dumps({"message": f"Bearer {token}"})
