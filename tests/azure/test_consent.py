"""Whether an application is in a tenant that the operator cannot sign in to: what the question shows, and to whom."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import pytest

from azure_callers import only
from cloud_world import Connected, connected
from entrafed.api.reasons import Reason
from entrafed.azure import BudgetSettings
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed_lab.azure import Fault, ServiceName, Variants
from entrafed_lab.azure.entra_errors import Denied, denial
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.objects import Application
from entrafed_lab.azure.seed import BILLING_APP, BILLING_OBJECT, HOME_TENANT, PARTNER_TENANT, READER_APP, READER_OBJECT
from entrafed_lab.azure.variants import NoMatch
from lab_fixtures import StartAzure

NOBODY = "99999999-9999-4999-8999-999999999999"


async def ask(world: Connected, tenant_id: str = PARTNER_TENANT, client_id: str = READER_APP) -> bool:
    return await world.cloud.is_provisioned(world.sign_in, tenant_id, client_id)


async def refused(world: Connected, tenant_id: str = PARTNER_TENANT) -> AzureProblem:
    with pytest.raises(AzureProblem) as raised:
        await ask(world, tenant_id)
    return raised.value


def application(world: Connected) -> Application:
    return world.azure.world.application(READER_OBJECT)


def let_in(world: Connected) -> None:
    world.azure.world.create_service_principal(PARTNER_TENANT, application(world))


async def test_an_application_is_seen_to_come_and_to_go_by_one_request_each_time(world: Connected) -> None:
    assert not await ask(world)
    let_in(world)
    assert await ask(world)
    world.azure.world.delete_service_principal(PARTNER_TENANT, READER_APP)
    assert not await ask(world)
    assert [record.operation for record in world.azure.log] == ["token"] * 3
    assert [seen[:2] for seen in world.seen] == [("login", "see_whether_provisioned")] * 3


@pytest.mark.parametrize("variant", NoMatch)
async def test_an_application_is_seen_however_entra_says_that_no_credential_fits(
    start_azure: StartAzure, operator_token: Path, variant: NoMatch
) -> None:
    azure = await start_azure(variants=Variants(no_match=variant))
    async with connected(azure, operator_token) as world:
        let_in(world)
        assert await ask(world)
        application(world).remove("terraform-production")
        assert await ask(world)


async def test_an_application_of_one_tenant_only_or_none_at_all_is_in_no_other(world: Connected) -> None:
    assert not await ask(world, client_id=BILLING_APP)
    assert not await ask(world, client_id=NOBODY)
    assert world.azure.world.application(BILLING_OBJECT).tenant_id == HOME_TENANT
    assert await ask(world, HOME_TENANT, BILLING_APP)


async def test_a_tenant_that_does_not_exist_is_a_mistake_in_the_spec(world: Connected) -> None:
    raised = await refused(world, NOBODY)
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TERMINAL, Reason.INVALID_SPEC)
    assert f"tenant {NOBODY} does not exist" in raised.problem.message


UNKNOWN = [700024, 700027, 50027, 500011, 700223, 700238, 900382, 501661]


@pytest.mark.parametrize("number", UNKNOWN)
async def test_a_refusal_that_may_come_before_the_application_is_looked_for_tells_nothing(
    world: Connected, number: int
) -> None:
    answer = denial(Denied(number, client=READER_APP))
    let_in(world)
    world.azure.faults.add(
        Fault(
            services=(ServiceName.LOGIN,),
            status=answer.status,
            body=answer.body.decode(),
            content_type="application/json",
        )
    )
    raised = await refused(world)
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, Reason.AZURE_ERROR)
    assert f"application {READER_APP} is in tenant {PARTNER_TENANT}" in raised.problem.message
    assert f"AADSTS{number}" in raised.problem.message


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "invalid_client", "error_codes": [1234567], "error_description": "?"}',
        '{"error": "invalid_client", "error_codes": [700016, 700211]}',
        '{"error": "invalid_client", "error_codes": "700211"}',
        '{"error": "invalid_client", "error_codes": []}',
        '{"error": "invalid_client", "error_description": "AADSTS700211: it is there"}',
        "<html>blocked</html>",
    ],
)
async def test_an_answer_that_is_not_understood_never_says_that_it_is_there(world: Connected, body: str) -> None:
    world.azure.faults.add(Fault(services=(ServiceName.LOGIN,), status=401, body=body, content_type="application/json"))
    raised = await refused(world)
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, Reason.AZURE_ERROR)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault(status=503), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE),
        (Fault(status=429, retry_after=7), ProblemKind.THROTTLED, Reason.THROTTLED),
        (Fault(refuse=True), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE),
        (
            Fault(
                status=200,
                body='{"access_token": "x", "expires_in": 60, "token_type": "Bearer"}',
                content_type="application/json",
            ),
            ProblemKind.TRANSIENT,
            Reason.UNEXPECTED_ANSWER,
        ),
    ],
    ids=["503", "429", "refused", "a token"],
)
async def test_no_answer_or_a_token_never_says_that_it_is_there(
    world: Connected, fault: Fault, kind: ProblemKind, reason: Reason
) -> None:
    world.azure.faults.add(replace(fault, services=(ServiceName.LOGIN,)))
    raised = await refused(world)
    assert (raised.problem.kind, raised.problem.reason) == (kind, reason)


async def test_what_is_shown_to_the_other_tenant_is_no_token_of_anybody(world: Connected) -> None:
    shown: list[str] = []

    def hear(call: Call) -> None:
        shown.extend(parse_qs(call.body.decode())["client_assertion"])

    world.azure.faults.add(Fault(services=(ServiceName.LOGIN,)), notify=hear)
    await ask(world)
    (assertion,) = shown
    told = jwt.decode_complete(assertion, options={"verify_signature": False})
    assert told["payload"]["iss"] == "https://entrafed.invalid"
    assert set(told["signature"]) == {0}
    assert world.token_file.read_text().split(".")[1] not in assertion


async def test_the_question_takes_nothing_from_the_budget_of_the_operators_own_sign_in(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure()
    async with connected(azure, operator_token, budgets=BudgetSettings(longest_wait=0.1)) as world:
        azure.faults.add(Fault(services=(ServiceName.LOGIN,), status=429, retry_after=60, times=1))
        await refused(world)
        assert (await refused(world)).problem.kind is ProblemKind.THROTTLED
        assert len(world.azure.log) == 1
        await world.cloud.own_identity(world.sign_in)


async def test_an_application_let_in_a_moment_ago_is_seen_a_little_later(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure(delays=only(propagation=60))
    async with connected(azure, operator_token) as world:
        let_in(world)
        assert not await ask(world)
