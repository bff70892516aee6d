"""What the operator writes into a namespace, as users of kubectl see it, under exactly the chart's rights."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from entrafed.api.outputs import CLIENT_ID_ANNOTATION, TENANT_ID_ANNOTATION
from entrafed_lab.azure import ServiceName
from entrafed_lab.azure.seed import READER_APP
from kube_world import Cluster
from manifests import from_service_account
from operator_process import Operator, StartOperator, until
from operator_world import World

OUTPUT: dict[str, Any] = {"configMap": {"name": "web-entra"}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=0.015, azure_rate_scale=100)


@pytest_asyncio.fixture
async def allowed(cluster: Cluster) -> AsyncIterator[None]:
    async with cluster.allowing_outputs():
        yield


def annotated(account: str = "web") -> dict[str, Any]:
    return {"name": account, "serviceAccount": {"name": account, "annotationPolicy": "Write"}}


async def create_account(world: World, name: str = "web") -> None:
    await world.kubectl("create", "serviceaccount", name, "--namespace", world.namespace)


async def annotations(world: World, name: str = "web") -> dict[str, str]:
    account = await world.kubectl.get("serviceaccount", name, "--namespace", world.namespace)
    found: dict[str, str] = account["metadata"].get("annotations", {})
    return found


async def config_maps(world: World) -> dict[str, dict[str, str]]:
    found = await world.kubectl.get("configmaps", "--namespace", world.namespace)
    return {one["metadata"]["name"]: one.get("data", {}) for one in found["items"]}


def row(world: World, name: str) -> dict[str, Any]:
    return next((row for row in world.status().get("outputs", ()) if row["name"] == name), {})


async def test_outputs_come_with_the_object_and_go_with_it(world: World, allowed: None) -> None:
    await create_account(world)
    before = await config_maps(world)
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_ready()
    written = await annotations(world)
    variables = (await config_maps(world))["web-entra"]
    await world.delete("web")
    await world.until_gone()

    assert written == {CLIENT_ID_ANNOTATION: READER_APP, TENANT_ID_ANNOTATION: world.tenant_id}
    assert variables == {
        "AZURE_CLIENT_ID": READER_APP,
        "AZURE_TENANT_ID": world.tenant_id,
        "AZURE_AUTHORITY_HOST": world.azure.url(ServiceName.LOGIN) + "/",
    }
    assert await annotations(world) == {}
    assert await config_maps(world) == before


async def test_a_second_pass_writes_no_output(world: World, allowed: None) -> None:
    await create_account(world)
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_ready()
    account = await world.kubectl.get("serviceaccount", "web", "--namespace", world.namespace)
    await world.second_pass("web")
    again = await world.kubectl.get("serviceaccount", "web", "--namespace", world.namespace)

    assert again["metadata"]["resourceVersion"] == account["metadata"]["resourceVersion"]


async def test_a_service_account_that_comes_later_is_annotated_then(world: World, allowed: None) -> None:
    await world.apply(world.federation(annotated("late")))
    await world.until_reason("ServiceAccountNotFound")
    accounts = await world.kubectl.get("serviceaccounts", "--namespace", world.namespace)
    await create_account(world, "late")
    await world.until_ready()

    assert "late" not in [one["metadata"]["name"] for one in accounts["items"]]
    assert (await annotations(world, "late"))[CLIENT_ID_ANNOTATION] == READER_APP


async def test_another_client_id_is_told_with_who_holds_it_and_stays(world: World, allowed: None) -> None:
    await create_account(world)
    theirs = {"name": "web", "namespace": world.namespace, "annotations": {CLIENT_ID_ANNOTATION: "theirs"}}
    await world.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": theirs})
    await world.apply(world.federation(annotated()))
    await world.until_reason("OutputConflict")

    assert "(field manager kubectl)" in row(world, "web")["message"]
    assert await annotations(world) == {CLIENT_ID_ANNOTATION: "theirs"}
    await world.apply(world.federation(from_service_account("web", name="web")))
    await world.until_ready()
    assert world.condition("OutputsWritten") == {}
    assert await annotations(world) == {CLIENT_ID_ANNOTATION: "theirs"}


async def test_opting_out_takes_back_what_was_written_and_nothing_else(world: World, allowed: None) -> None:
    await create_account(world)
    await world.kubectl("annotate", "serviceaccount", "web", "--namespace", world.namespace, "team=payments")
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_ready()
    await world.apply(world.federation(from_service_account("web", name="web")))
    await world.until(lambda: world.is_ready() and "outputs" not in world.status(), "outputs withdrawn")

    assert await annotations(world) == {"team": "payments"}
    assert "web-entra" not in await config_maps(world)


async def test_what_somebody_removed_is_brought_back(world: World, allowed: None) -> None:
    await create_account(world)
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_ready()
    there = ("--namespace", world.namespace)
    await world.kubectl("annotate", "serviceaccount", "web", *there, f"{TENANT_ID_ANNOTATION}-")
    await world.kubectl("delete", "configmap", "web-entra", *there)
    await world.second_pass("web")

    assert len(await annotations(world)) == 2
    assert "web-entra" in await config_maps(world)


async def test_a_process_that_was_killed_takes_back_what_is_asked_for_no_more(world: World, allowed: None) -> None:
    await create_account(world)
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_ready()
    world.operator.kill()
    await world.apply(world.federation(from_service_account("web", name="web")))
    world.operator.start()
    await world.operator.until_ready()
    await world.until(lambda: world.is_ready() and "outputs" not in world.status(), "outputs withdrawn")

    assert await annotations(world) == {}
    assert "web-entra" not in await config_maps(world)


async def test_a_namespace_goes_with_its_outputs_though_the_right_to_them_was_taken_away(
    world: World, cluster: Cluster
) -> None:
    await create_account(world)
    async with cluster.allowing_outputs():
        await world.apply(world.federation(annotated(), output=OUTPUT))
        await world.until_ready()
    await world.kubectl("delete", "namespace", world.namespace, "--timeout=60s")

    assert world.ours() == {}


async def test_without_the_right_the_status_names_the_value_of_the_chart(world: World) -> None:
    await create_account(world)
    await world.apply(world.federation(annotated(), output=OUTPUT))
    await world.until_reason("OutputForbidden")

    assert "`outputs.serviceAccountAnnotations: true`" in row(world, "web")["message"]
    assert "`outputs.configMaps: true`" in row(world, "web-entra")["message"]
    assert world.condition("CredentialsSynced")["status"] == "True"
    await world.delete("web")
    await world.until_gone()


async def test_a_right_that_is_given_later_is_used_at_the_next_wish(world: World, cluster: Cluster) -> None:
    await create_account(world)
    await world.apply(world.federation(annotated()))
    await world.until_reason("OutputForbidden")
    async with cluster.allowing_outputs():
        await world.second_pass("web")

        async def is_annotated() -> bool:
            return CLIENT_ID_ANNOTATION in await annotations(world)

        await until(is_annotated, "annotated")
        await world.delete("web")
        await world.until_gone()
