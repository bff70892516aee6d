"""Seeds: what the simulated Azure holds at first, from a file or by default."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from entrafed_lab.azure import Seed, SimulatedAzure, default_seed
from entrafed_lab.azure.documents import InvalidDocument
from entrafed_lab.azure.seed import SUBSCRIPTION, WEB_IDENTITY, ApplicationSeed, ServicePrincipalSeed
from lab_fixtures import CLUSTER_ISSUER, StartAzure
from sign_in_world import WEB, sign_in, workload

SEED = f"""
tenants:
- {{id: 77777777-7777-4777-8777-777777777777, name: acme}}
applications:
- tenant: acme
  name: shop
  credentials:
  - {{name: pods, issuer: "{CLUSTER_ISSUER}", subject: "{WEB}"}}
servicePrincipals:
- {{tenant: acme, application: shop}}
issuers: ["{CLUSTER_ISSUER}"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "seed.yaml"
    path.write_text(text)
    return path


async def test_a_seed_file_makes_a_world_that_works(start_azure: StartAzure, tmp_path: Path) -> None:
    azure = await start_azure(seed=Seed.load(written(tmp_path, SEED)))
    shop = azure.world.application("shop")
    assert await sign_in(workload(azure, client_id=shop.app_id, tenant_id=shop.tenant_id))


async def test_ids_that_a_seed_does_not_give_are_the_same_every_time(start_azure: StartAzure, tmp_path: Path) -> None:
    seed = Seed.load(written(tmp_path, SEED))
    first, second = await start_azure(seed=seed), await start_azure(seed=seed)
    assert first.world.application("shop").app_id == second.world.application("shop").app_id


def test_without_a_file_the_default_seed_is_taken() -> None:
    assert Seed.load() == default_seed()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tenants: [{id: x, nam: acme}]", "tenants[0]: unknown nam; possible are"),
        ("tenants: [{id: x}]", "tenants[0]: name is missing"),
        ("tenants: {}", "tenants: expected a list"),
        ("tenants: [{id: x, name: acme, cloud: AzureGermany}]", "possible are AzurePublic"),
        ("identities: [{resourceId: web}]", "web is not the resource id of a user-assigned identity"),
        ("hosts: [{id: web, resourceId: web}]", "web is not the resource id of a host; possible are"),
        ("{", "flow"),
        ("- a", "expected a mapping, found list"),
    ],
)
def test_a_mistake_in_a_seed_file_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidDocument) as told:
        Seed.load(path)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("applications: [{tenant: acme, name: shop}]", "tenant acme"),
        ("operator: nobody", "application nobody"),
        (SEED + "roleAssignments: [{principal: shop, role: Nothing, scope: /subscriptions/x}]", "role Nothing"),
        (SEED + "blobs: [{account: none, container: c, name: n, content: x}]", "storage account none"),
        (SEED + "access: [{principal: nobody, scope: /subscriptions/x}]", "principal nobody"),
        (f"identities: [{{resourceId: {WEB_IDENTITY}}}]", f"subscription {SUBSCRIPTION}"),
    ],
)
def test_a_seed_that_names_what_it_does_not_have_is_refused(tmp_path: Path, text: str, missing: str) -> None:
    with pytest.raises(InvalidDocument, match=f"the seed does not have {missing}, which it names"):
        SimulatedAzure(seed=Seed.load(written(tmp_path, text)))


def test_ten_thousand_applications_are_planted_in_seconds() -> None:
    seed = default_seed()
    many = [ApplicationSeed("contoso", f"app-{number}", owners=("entrafed-operator",)) for number in range(10_000)]
    principals = [ServicePrincipalSeed("contoso", item.name) for item in many]
    seed = replace(
        seed,
        applications=(*seed.applications, *many),
        service_principals=(*seed.service_principals, *principals),
    )
    started = time.process_time()
    assert len(SimulatedAzure(seed=seed).world.applications) == 10_003
    assert time.process_time() - started < 10


async def test_the_ports_are_the_same_after_a_restart(start_azure: StartAzure, tmp_path: Path) -> None:
    async with SimulatedAzure(directory=tmp_path) as first:
        addresses = first.describe()["endpoints"]
    async with SimulatedAzure(directory=tmp_path) as second:
        assert second.describe()["endpoints"] == addresses


async def test_the_description_is_json_and_says_what_the_sdks_need(simulated_azure: SimulatedAzure) -> None:
    told = json.loads(json.dumps(simulated_azure.describe()))
    assert set(told["endpoints"]) == {"login", "graph", "arm", "blob", "imds", "appservice", "admin"}
    hosts = {host["id"]: host for host in told["hosts"]}
    machine, site = hosts["web-vm"], hosts["web-site"]
    assert machine["environment"] == {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"{told['endpoints']['imds']}/web-vm"}
    assert site["environment"]["IDENTITY_ENDPOINT"] == f"{told['endpoints']['appservice']}/web-site/msi/token"
    variables = simulated_azure.environment()
    assert variables["AZURE_AUTHORITY_HOST"] == variables["ENTRAFED_LAB_LOGIN"] == told["endpoints"]["login"]
