"""An application's service principal in a tenant that the operator has a connection to."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from assigner_world import means, operations, problem_of
from azure_callers import only
from cloud_world import Connected, connected, sign_in_to
from entrafed.api.reasons import Reason
from entrafed.domain.assignments import Assignment, ObservedAssignment, ObservedParent
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AlreadyThere, NotFound, ProblemKind, WritesStopped
from entrafed.domain.targets import ServicePrincipal
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import (
    BILLING_APP,
    HOME_TENANT,
    PARTNER_PRINCIPAL,
    PARTNER_TENANT,
    READER_APP,
    READER_OBJECT,
)
from lab_fixtures import StartAzure

THERE = Parent(ParentKind.TENANT_APP, PARTNER_TENANT, READER_APP)
WANTED = Assignment(READER_APP)
SOMEBODY = "99999999-9999-4999-8999-999999999999"


@pytest_asyncio.fixture
async def partner(simulated_azure: SimulatedAzure, operator_token: Path) -> AsyncIterator[Connected]:
    """The adapter, signed in to the partner's tenant."""
    sign_in = sign_in_to(simulated_azure, tenant_id=PARTNER_TENANT)
    async with connected(simulated_azure, operator_token, sign_in=sign_in) as world:
        yield world


async def look(world: Connected, parent: Parent = THERE) -> ObservedParent:
    return await world.cloud.assignments(world.sign_in, parent, frozenset({parent.id}))


async def let_in(world: Connected, client_id: str = READER_APP) -> None:
    parent = Parent(ParentKind.TENANT_APP, PARTNER_TENANT, client_id)
    assert await world.cloud.assign(world.sign_in, parent, (Assignment(client_id),), "For tests.") is None


async def throw_out(world: Connected, object_id: str) -> None:
    gone = ObservedAssignment(READER_APP, "", id_=object_id)
    assert await world.cloud.unassign(world.sign_in, THERE, (gone,)) is None


def object_id(world: Connected) -> str:
    found = world.azure.world.service_principal(PARTNER_TENANT, READER_APP)
    assert found is not None
    return found.object_id


async def test_an_application_is_let_in_and_thrown_out_by_one_request_each(partner: Connected) -> None:
    assert await look(partner) == ObservedParent(())
    await let_in(partner)
    made = object_id(partner)
    assert await look(partner) == ObservedParent((ObservedAssignment(READER_APP, "", id_=made),))
    await throw_out(partner, made)
    assert await look(partner) == ObservedParent(())
    verbs = ["get", "create", "get", "delete", "get"]
    assert operations(partner) == [f"servicePrincipals.{verb}" for verb in verbs]


async def test_a_service_principal_is_read_where_it_is_and_nowhere_else(world: Connected, partner: Connected) -> None:
    found = await world.cloud.service_principal(world.sign_in, READER_APP)
    assert found == ServicePrincipal(READER_APP, "cccccccc-0001-4ccc-8ccc-cccccccccccc")
    raised = await problem_of(partner.cloud.service_principal(partner.sign_in, READER_APP))
    assert isinstance(raised, NotFound)
    assert means(raised, ProblemKind.WAITING, Reason.PROGRESSING)


async def test_nobody_is_warned_of_a_service_principal_that_is_not_there_yet(partner: Connected) -> None:
    await partner.cloud.own_identity(partner.sign_in)
    with capture_logs() as lines:
        await look(partner)
    assert {line["log_level"] for line in lines if "problem" in line} == {"info"}
    partner.azure.faults.add(Fault(services=(ServiceName.GRAPH,), status=403, code="Authorization_RequestDenied"))
    with capture_logs() as lines:
        await problem_of(look(partner))
    assert {line["log_level"] for line in lines if "problem" in line} == {"warning"}


async def test_an_application_that_is_in_already_is_there_already(partner: Connected) -> None:
    await let_in(partner)
    raised = await problem_of(let_in(partner))
    assert isinstance(raised, AlreadyThere)
    assert means(raised, ProblemKind.CONFLICT, Reason.ASSIGNMENT_CONFLICT)


@pytest.mark.parametrize("client_id", [BILLING_APP, SOMEBODY])
async def test_an_application_of_one_tenant_only_cannot_be_let_into_another(partner: Connected, client_id: str) -> None:
    raised = await problem_of(let_in(partner, client_id))
    assert means(raised, ProblemKind.TERMINAL, Reason.NOT_MULTI_TENANT)
    assert "set its signInAudience to AzureADMultipleOrgs" in raised.problem.message


async def test_a_service_principal_that_is_gone_is_not_found(partner: Connected) -> None:
    raised = await problem_of(throw_out(partner, SOMEBODY))
    assert isinstance(raised, NotFound)
    assert means(raised, ProblemKind.WAITING, Reason.PROGRESSING)


async def test_without_a_right_in_that_tenant_nothing_is_done_there(partner: Connected) -> None:
    partner.azure.world.principal(PARTNER_PRINCIPAL).app_roles.clear()
    for call in (look(partner), let_in(partner), throw_out(partner, PARTNER_PRINCIPAL)):
        raised = await problem_of(call)
        assert means(raised, ProblemKind.FORBIDDEN, Reason.ACCESS_DENIED)
        assert "Application.ReadWrite.OwnedBy in that tenant" in raised.problem.message


async def test_a_service_principal_of_others_may_not_be_thrown_out(partner: Connected) -> None:
    reader = partner.azure.world.application(READER_OBJECT)
    foreign = partner.azure.world.create_service_principal(PARTNER_TENANT, reader)
    raised = await problem_of(throw_out(partner, foreign.object_id))
    assert means(raised, ProblemKind.FORBIDDEN, Reason.ACCESS_DENIED)
    assert object_id(partner) == foreign.object_id


async def test_a_connection_to_a_tenant_that_does_not_know_the_operator_says_so(
    simulated_azure: SimulatedAzure, operator_token: Path
) -> None:
    sign_in = replace(sign_in_to(simulated_azure), tenant_id=PARTNER_TENANT)
    simulated_azure.world.delete_service_principal(PARTNER_TENANT, sign_in.client_id)
    async with connected(simulated_azure, operator_token, sign_in=sign_in) as world:
        raised = await problem_of(look(world))
    assert means(raised, ProblemKind.FORBIDDEN, Reason.SIGN_IN_FAILED)
    assert raised.problem.message.endswith("(Entra: AADSTS7000229)")
    assert PARTNER_TENANT in raised.problem.message


async def test_replicas_that_lag_hide_a_new_service_principal_for_a_while(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure(delays=only(replica_lag=60))
    async with connected(azure, operator_token, sign_in=sign_in_to(azure, tenant_id=PARTNER_TENANT)) as world:
        await let_in(world)
        looks = [len((await look(world)).assignments) for _ in range(40)]
        assert set(looks) <= {0, 1}
        assert 0 in looks


@pytest.mark.parametrize("body", ["", "[]", "{", "{}", '{"id": 7, "appId": "x"}', '{"id": "x"}', "[" * 100_000])
async def test_a_service_principal_that_cannot_be_read_is_neither_there_nor_gone(partner: Connected, body: str) -> None:
    partner.azure.faults.add(
        Fault(services=(ServiceName.GRAPH,), status=200, body=body, content_type="application/json")
    )
    for call in (look(partner), let_in(partner)):
        raised = await problem_of(call)
        assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, Reason.UNEXPECTED_ANSWER)
        assert not raised.answered


async def test_nobody_is_let_in_when_writes_have_stopped(partner: Connected) -> None:
    partner.gate.is_open = False
    for call in (let_in(partner), throw_out(partner, PARTNER_PRINCIPAL)):
        with pytest.raises(WritesStopped):
            await call
    assert not partner.requests()


async def test_two_tenants_are_two_sign_ins(world: Connected) -> None:
    await world.cloud.service_principal(world.sign_in, READER_APP)
    there = replace(world.sign_in, tenant_id=PARTNER_TENANT)
    await world.cloud.assignments(there, THERE, frozenset({READER_APP}))
    tenants = [record.path.split("/")[1] for record in world.requests(ServiceName.LOGIN)]
    assert tenants == [HOME_TENANT, PARTNER_TENANT]
