"""A tenant that the operator has no connection to: an administrator there consents, and that is recognised."""

from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.assignment_status import TenantStatus
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.domain.asks import Stance
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed.domain.summary import summarise
from entrafed.domain.targets import ServicePrincipal
from entrafed.engine.admission import Admission
from unit.domain.federations import CLIENT, EVERYTHING, OTHER_TENANT, TENANT, Manifest, federation
from unit.engine.admitting import APP, TIMING, Admitting, status
from unit.engine.port_fakes import problem

URL = f"https://login.microsoftonline.com/{OTHER_TENANT}/adminconsent?client_id={CLIENT}"
THERE = Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT)
ALLOWED = {**EVERYTHING, "tenants": [OTHER_TENANT]}


def world(*, multi_tenant: bool = True) -> Admitting:
    made = Admitting()
    made.connect(ALLOWED)
    made.azure.targets[federation().spec.target] = replace(APP, multi_tenant=multi_tenant)
    made.azure.principals[CLIENT] = ServicePrincipal(CLIENT, "at-home")
    return made


def item(**more: Any) -> Manifest:
    return {"tenantId": OTHER_TENANT, **more}


def asking(*, recorded: Manifest | None = None, **more: Any) -> Federation:
    """An object with one tenant, without a connection there; `recorded` is that row of its status."""
    before = status(tenants=[recorded]) if recorded else None
    return federation(tenants=[item(**more)], status=before)


def row(one: Federation, admission: Admission) -> TenantStatus:
    (found,) = summarise(one, admission.knowledge, 0.0).tenants
    return found


async def test_an_application_that_is_not_there_needs_consent_at_an_address_that_status_shows() -> None:
    made, one = world(), asking()
    admission = await made.admit(one)
    found = row(one, admission)
    assert (found.state, found.reason) == (ItemState.FAILED, Reason.CONSENT_REQUIRED)
    assert found.consent_url == URL
    assert found.message == f"an administrator of tenant {OTHER_TENANT} must consent at {URL}"
    assert (found.origin, found.assignment, found.connection) == (None, None, None)
    assert made.azure.names("provisioned") == [OTHER_TENANT]


async def test_what_waits_for_consent_is_asked_again_after_a_while_though_nothing_changes() -> None:
    admission = await world().admit(asking())
    assert admission.problem is not None
    assert admission.problem.after == TIMING.consent


async def test_consent_that_arrives_is_recognised_and_counts_as_somebody_elses_doing() -> None:
    made, one = world(), asking()
    await made.admit(one)
    made.azure.provisioned[OTHER_TENANT] = True
    admission = await made.admit(one)
    found = row(one, admission)
    assert (found.state, found.reason, found.origin) == (ItemState.SYNCED, Reason.SYNCED, Origin.PRE_EXISTING)
    assert found.consent_url is None
    assert admission.problem is None
    assert THERE not in admission.assigned


async def test_consent_that_is_taken_back_is_required_again() -> None:
    made, one = world(), asking()
    made.azure.provisioned[OTHER_TENANT] = True
    before = row(one, await made.admit(one))
    assert before.state is ItemState.SYNCED
    made.azure.provisioned[OTHER_TENANT] = False
    again = federation(tenants=[item()], status=summarise(one, (await made.admit(one)).knowledge, 0.0))
    found = row(again, await made.admit(again))
    assert (found.reason, found.origin) == (Reason.CONSENT_REQUIRED, None)


@pytest.mark.parametrize("reason", [Reason.AZURE_ERROR, Reason.AZURE_UNAVAILABLE, Reason.THROTTLED])
async def test_what_cannot_be_told_is_neither_there_nor_missing_and_the_address_is_shown(reason: Reason) -> None:
    made, one = world(), asking()
    made.azure.provisioned[OTHER_TENANT] = AzureProblem(problem(reason))
    found = row(one, await made.admit(one))
    assert (found.reason, found.consent_url, found.origin) == (reason, URL, None)
    assert found.state is not ItemState.SYNCED


async def test_an_answer_that_tells_nothing_is_asked_for_no_oftener_than_one_that_does() -> None:
    made = world()
    made.azure.provisioned[OTHER_TENANT] = AzureProblem(problem(Reason.AZURE_ERROR))
    admission = await made.admit(asking())
    assert admission.problem is not None
    assert admission.problem.after == TIMING.consent
    for _ in range(10):  # as happens while something else of the object fails
        await made.admitter.admit(asking(), made.clock.monotonic() - TIMING.reads)
        made.clock.seconds += 1
    assert made.azure.names("provisioned") == [OTHER_TENANT]


async def test_a_tenant_that_does_not_exist_has_no_address_to_consent_at() -> None:
    made, one = world(), asking()
    made.azure.provisioned[OTHER_TENANT] = AzureProblem(problem(Reason.INVALID_SPEC, ProblemKind.TERMINAL))
    found = row(one, await made.admit(one))
    assert (found.reason, found.consent_url) == (Reason.INVALID_SPEC, None)


async def test_nobody_is_asked_about_what_is_not_allowed_or_cannot_be() -> None:
    for made in (Admitting(), world(multi_tenant=False)):
        made.azure.principals[CLIENT] = ServicePrincipal(CLIENT, "at-home")
        one = asking()
        found = row(one, await made.admit(one))
        assert found.reason in (Reason.NOT_PERMITTED, Reason.NOT_MULTI_TENANT)
        assert found.consent_url is None
        assert not made.azure.names("provisioned")


MADE = {
    "tenantId": OTHER_TENANT,
    "state": "Synced",
    "reason": "Synced",
    "message": "",
    "connection": "partner",
    "deletionPolicy": "Delete",
    "servicePrincipalId": TENANT,
    "origin": "Operator",
    "assignment": "Assigned",
}


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_the_operator_made_stays_its_own_when_the_item_names_a_connection_no_more(is_there: bool) -> None:
    made, one = world(), asking(recorded=MADE)
    made.connect(ALLOWED, name="partner", tenantId=OTHER_TENANT)
    made.azure.provisioned[OTHER_TENANT] = is_there
    admission = await made.admit(one)
    found = row(one, admission)
    assert (found.origin, found.connection) == (Origin.OPERATOR, "partner")
    ask = admission.assigned[THERE]
    assert ask.holds(CLIENT)
    assert ask.stance is Stance.RECONCILE
