"""Hosts, roles and tenants as their users see them: one object gives all of it, and takes it back."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from entrafed.api.metadata import CONNECTION_FINALIZER
from entrafed_lab.azure import Delays
from entrafed_lab.azure.seed import (
    API_APP,
    API_IDENTITY,
    API_NODES,
    API_VM,
    OPERATOR_PRINCIPAL,
    READER_APP,
    STORAGE_ACCOUNT,
    WEB_IDENTITY,
    WEB_SITE,
    WEB_VM,
)
from entrafed_lab.azure.snapshot import snapshot
from kstatus import KStatus, kstatus
from manifests import BLOB_READER, Manifest, assigned, from_oidc, from_service_account, given
from operator_process import Operator, StartOperator
from operator_world import RESOURCE_GROUP, NewWorld, World

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SETTLED = 0.6  # seconds; what would still be written after Ready has been by then
MORE_HOSTS = ("Web/sites/web/slots/next", "App/jobs/nightly", "Automation/automationAccounts/tasks")
SECTIONS = ("federatedCredentials", "identityAssignments", "roleAssignments", "tenants")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(azure_rate_scale=100)


@pytest_asyncio.fixture
async def world(new_world: NewWorld) -> World:
    """A world whose application may read no blob yet, and whose connections are both in use.

    Its machines take a moment to change, as all do: of a change that is over at once the real Azure does not say so.
    """
    world = await new_world(delays=replace(Delays.none().effective(), host_operation=0.05))
    principal = world.azure.world.service_principal(world.tenant_id, READER_APP)
    assert principal
    world.azure.world.take_rights(principal.object_id, role=BLOB_READER)
    await world.connect_partner()
    await world.apply(everything(world, from_oidc(subject="first"), name="first", suspend=True))
    await world.until_reason("Suspended", "first")
    for name in world.connections:
        await world.until_connection(lambda body: CONNECTION_FINALIZER in body["metadata"]["finalizers"], "used", name)
    await asyncio.sleep(SETTLED)
    return world


def everything(world: World, *items: Manifest, name: str = "web", **spec: Any) -> Manifest:
    """A credential, the identity `web` on two hosts (on one of them since before), a role, and another tenant."""
    wishes = {
        "identityAssignments": [assigned(API_VM, WEB_VM, identity=WEB_IDENTITY)],
        "roleAssignments": [given(scope=STORAGE_ACCOUNT)],
        "tenants": [
            {
                "tenantId": world.partner_id,
                "connectionRef": {"name": world.partner_connection},
                "deletionPolicy": "Delete",
            }
        ],
    }
    return world.federation(*(items or (from_service_account(),)), name=name, **{**wishes, **spec})


async def writes_of(world: World, before: int) -> int:
    """What the operator has written to Kubernetes since, when it has come to rest."""
    await asyncio.sleep(SETTLED)
    return await world.operator_writes() - before


def phases(world: World, name: str = "web") -> Iterator[KStatus]:
    """What tools that wait were shown, one after the other."""
    before = None
    for version in world.versions[name]:
        if version.change != "DELETED" and (shown := kstatus(version.body)) is not before:
            before = shown
            yield shown


async def test_one_object_gives_all_of_it_in_three_writes_and_takes_back_its_own_in_one(world: World) -> None:
    azure = snapshot(world.azure.world)
    before = await world.operator_writes()
    await world.apply(everything(world))
    await world.until_ready()
    assert await writes_of(world, before) == 3

    held = snapshot(world.azure.world)
    hosts = {host["resourceId"]: host["identities"] for host in held["hosts"]}
    assert hosts[API_VM] == [WEB_IDENTITY.lower()]
    (role,) = (one for one in held["roleAssignments"] if one not in azure["roleAssignments"])
    assert (role["role"], role["scope"].lower()) == (BLOB_READER, STORAGE_ACCOUNT.lower())
    (principal,) = (one for one in held["servicePrincipals"] if one not in azure["servicePrincipals"])
    assert (principal["tenantId"], principal["clientId"]) == (world.partner_id, READER_APP)
    status = world.status()
    assert {row["state"] for section in SECTIONS for row in status[section]} == {"Synced"}
    (hosts_row,) = status["identityAssignments"]
    origins = {row["resourceId"]: row["origin"] for row in hosts_row["resources"]}
    assert origins == {API_VM.lower(): "Operator", WEB_VM.lower(): "PreExisting"}

    before = await world.operator_writes()
    await world.delete("web")
    await world.until_gone()
    assert await writes_of(world, before) == 1
    assert snapshot(world.azure.world) == azure
    assert list(phases(world)) == [KStatus.IN_PROGRESS, KStatus.CURRENT, KStatus.TERMINATING]


async def test_an_item_that_leaves_takes_its_own_with_it_and_nothing_else(world: World) -> None:
    azure = snapshot(world.azure.world)
    await world.apply(everything(world, identityAssignments=[assigned(WEB_SITE, API_VM, identity=WEB_IDENTITY)]))
    await world.until_ready()

    await world.apply(everything(world, identityAssignments=[], roleAssignments=[], tenants=[]))
    await world.until_ready()
    await world.until(lambda: not any(world.status().get(section) for section in SECTIONS[1:]), "all rows gone")
    held = snapshot(world.azure.world)
    assert (held["hosts"], held["roleAssignments"]) == (azure["hosts"], azure["roleAssignments"])
    assert held["servicePrincipals"] == azure["servicePrincipals"]


async def test_the_rights_that_the_pages_ask_for_are_enough(world: World) -> None:
    pages = {name: (PAGES / f"{name}.md").read_text() for name in ("hosts", "roles")}
    role = json.loads(re.findall(r"```json\n(.*?)```", pages["hosts"], re.DOTALL)[0])
    condition = re.findall(r"```text\n(.*?)\n```", pages["roles"], re.DOTALL)[0]
    azure = world.azure.world
    azure.take_rights(OPERATOR_PRINCIPAL)
    azure.roles.define(role["Name"], *role["Actions"])
    azure.give_role(OPERATOR_PRINCIPAL, role["Name"], RESOURCE_GROUP)
    azure.give_role(OPERATOR_PRINCIPAL, "Role Based Access Control Administrator", RESOURCE_GROUP, condition=condition)

    more = [f"{RESOURCE_GROUP}/providers/Microsoft.{name}" for name in MORE_HOSTS]
    for host in more:
        azure.create_host(host)
    before = snapshot(azure)
    hosts = assigned(API_VM, API_NODES, WEB_SITE, API_APP, *more, identity=API_IDENTITY)
    await world.apply(everything(world, identityAssignments=[hosts]))
    await world.until_ready()
    await world.delete("web")
    await world.until_gone()
    assert snapshot(azure) == before


async def test_a_tenant_is_kept_unless_its_item_says_otherwise(world: World) -> None:
    kept = [{"tenantId": world.partner_id, "connectionRef": {"name": world.partner_connection}}]
    await world.apply(everything(world, tenants=kept))
    await world.until_ready()
    await world.delete("web")
    await world.until_gone()
    assert world.azure.world.service_principal(world.partner_id, READER_APP)


async def test_without_a_connection_an_administrator_of_the_tenant_is_asked(world: World) -> None:
    await world.apply(everything(world, tenants=[{"tenantId": world.partner_id.upper()}]))
    await world.until_reason("ConsentRequired")
    (row,) = world.status()["tenants"]
    assert row["tenantId"] == world.partner_id
    assert row["consentUrl"].startswith(f"https://login.microsoftonline.com/{world.partner_id}/adminconsent?client_id=")
    assert READER_APP in row["consentUrl"]
    assert world.condition("TenantsProvisioned")["status"] == "False"
    assert world.condition("RolesAssigned")["status"] == "True"


async def test_the_targets_own_tenant_is_no_other_tenant(world: World) -> None:
    await world.apply(everything(world, tenants=[{"tenantId": world.tenant_id, "connectionRef": {"name": "any"}}]))
    await world.until_reason("InvalidSpec")
    (row,) = world.status()["tenants"]
    assert row["message"].startswith("it is the target's own tenant")
    await world.delete("web")
    await world.until_gone()
    assert world.azure.world.service_principal(world.tenant_id, READER_APP)


async def test_what_no_rule_allows_is_told_item_by_item(world: World) -> None:
    elsewhere = WEB_VM.replace("/payments/", "/platform/")
    await world.apply(
        everything(
            world,
            identityAssignments=[assigned(elsewhere, identity=WEB_IDENTITY)],
            roleAssignments=[given("Owner", STORAGE_ACCOUNT), given(scope=elsewhere, name="elsewhere")],
        )
    )
    await world.until_reason("NotPermitted")
    status = world.status()
    rows = {row["name"]: row for section in SECTIONS[1:3] for row in status[section]}
    assert {name: row["reason"] for name, row in rows.items()} == dict.fromkeys(rows, "NotPermitted")
    assert f"to be given web at {elsewhere.lower()}" in rows["hosts"]["message"]
    assert "role Owner at" in rows["blobs"]["message"]
    assert world.condition("TenantsProvisioned")["status"] == "True"
