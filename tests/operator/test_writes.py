"""What the operator costs: writes to Kubernetes as the API server counts them, writes to Azure as Azure does.

Durations are as they are: what takes longer than five seconds, on a slow machine, is reported as moving, which is one
write more. Everything is looked at again every two seconds, so that what a second look costs
is in every count.
"""

import asyncio
import sys
import time
from typing import Any

import pytest
import pytest_asyncio

from entrafed.api.metadata import CONNECTION_FINALIZER, RECONCILE_ANNOTATION
from entrafed_lab.azure.seed import WEB_IDENTITY
from kube_world import Cluster
from manifests import Manifest, from_oidc, from_service_account
from operator_process import Operator, StartOperator
from operator_world import ON_IDENTITY, TARGETS, World

SETTLED = 0.6  # seconds; what would still be written after Ready has been by then
REPORTED_AFTER = 5.0  # seconds; what is under way for longer is reported as moving


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(resync_seconds=2, azure_rate_scale=100)


@pytest_asyncio.fixture
async def busy(world: World) -> World:
    """A world whose connection is in use already: the first use is written to the connection too.

    `Retain` here and below lets objects go at once after a restart, which otherwise has to wait for lost answers.
    """
    await world.apply(world.federation(from_oidc(subject="first"), name="first", deletionPolicy="Retain"))
    await world.until_ready("first")
    await world.until_connection(lambda body: CONNECTION_FINALIZER in body["metadata"]["finalizers"], "in use")
    await asyncio.sleep(SETTLED)
    return world


async def writes_of(world: World, before: int) -> int:
    """What the operator has written to Kubernetes since, when it has come to rest."""
    await asyncio.sleep(SETTLED)
    return await world.operator_writes() - before


class Stopwatch:
    """What a step costs at most, by how long it took."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def allows(self, writes: int) -> set[int]:
        """So many writes, and one more when the step took so long that it was reported on the way."""
        is_slow = time.monotonic() - self._started > REPORTED_AFTER
        return {writes, writes + 1} if is_slow else {writes}


@pytest.mark.parametrize("kind", TARGETS)
async def test_the_life_of_an_object_costs_two_writes_then_one_an_edit_then_one(busy: World, kind: str) -> None:
    _, target = TARGETS[kind]
    before, azure, watch = await busy.operator_writes(), len(busy.azure.log.writes()), Stopwatch()
    await busy.apply(busy.federation(from_oidc(subject="one"), from_service_account(), target=target))
    await busy.until_ready()
    creating = watch.allows(2)
    created = await writes_of(busy, before)
    created_in_azure = len(busy.azure.log.writes()) - azure

    before, azure, watch = await busy.operator_writes(), len(busy.azure.log.writes()), Stopwatch()
    await busy.apply(busy.federation(from_oidc(subject="two"), from_service_account(), target=target))
    await busy.until_ready()
    editing = watch.allows(1)
    edited = await writes_of(busy, before)
    edited_in_azure = [record.operation for record in busy.azure.log.writes()[azure:]]

    before, azure, watch = await busy.operator_writes(), len(busy.azure.log.writes()), Stopwatch()
    await busy.delete("web")
    await busy.until_gone()
    deleting = watch.allows(1)
    deleted = await writes_of(busy, before)
    deleted_in_azure = len(busy.azure.log.writes()) - azure

    assert created in creating
    assert edited in editing
    assert deleted in deleting
    assert (created_in_azure, len(edited_in_azure), deleted_in_azure) == (2, 2, 2)


async def test_outputs_cost_one_write_more_which_records_them_first(busy: World, cluster: Cluster) -> None:
    await busy.kubectl("create", "serviceaccount", "web", "--namespace", busy.namespace)
    item = {"name": "web", "serviceAccount": {"name": "web", "annotationPolicy": "Write"}}
    async with cluster.allowing_outputs():
        before, watch = await busy.operator_writes(), Stopwatch()
        await busy.apply(busy.federation(item, output={"configMap": {"name": "web-entra"}}))
        await busy.until_ready()
        creating = watch.allows(3)
        created = await writes_of(busy, before)
        before, watch = await busy.operator_writes(), Stopwatch()
        await busy.delete("web")
        await busy.until_gone()
        deleting = watch.allows(1)
        deleted = await writes_of(busy, before)

    assert created in creating
    assert deleted in deleting


async def test_labels_and_annotations_cost_nothing(busy: World) -> None:
    before, azure = await busy.operator_writes(), len(busy.azure.log.writes())
    await busy.label("first", "team", "payments")
    await busy.annotate("first", "note", "hello")

    assert await writes_of(busy, before) == 0
    assert len(busy.azure.log.writes()) == azure


async def test_a_wish_to_reconcile_is_answered_and_writes_nothing_to_azure(busy: World) -> None:
    before, azure = await busy.operator_writes(), len(busy.azure.log)
    await busy.annotate("first", RECONCILE_ANNOTATION, "now")
    await busy.until(lambda: busy.status("first").get("lastHandledReconcileAt") == "now", "handled")

    assert await writes_of(busy, before) == 1
    assert [record.operation for record in list(busy.azure.log)[azure:] if record.write] == []
    assert "credentials.list" in [record.operation for record in list(busy.azure.log)[azure:]]


@pytest.mark.parametrize("kind", TARGETS)
async def test_renaming_and_swapping_items_write_nothing_to_azure(busy: World, kind: str) -> None:
    _, target = TARGETS[kind]

    def with_items(**subjects: str) -> Manifest:
        items = [from_oidc(subject=subject, name=name) for name, subject in subjects.items()]
        return busy.federation(*items, target=target)

    await busy.apply(with_items(a="one", b="two"))
    await busy.until_ready()
    azure = len(busy.azure.log.writes())
    await busy.apply(with_items(a="two", b="one"))
    await busy.until_ready()
    await busy.apply(with_items(a="two", renamed="one"))
    await busy.until_ready()

    assert [row["name"] for row in busy.status()["federatedCredentials"]] == ["a", "renamed"]
    assert len(busy.azure.log.writes()) == azure


async def test_a_restart_and_the_rest_after_it_write_nothing(busy: World, operator: Operator) -> None:
    def one(number: int, **more: Any) -> Manifest:
        item = from_oidc(subject=f"job-{number}")
        return busy.federation(item, name=f"web-{number}", deletionPolicy="Retain", **more)

    many = [one(number) for number in range(15)] + [one(number, target=ON_IDENTITY) for number in range(15, 30)]
    await busy.apply(*many)
    await busy.until_ready(*(item["metadata"]["name"] for item in many))
    await asyncio.sleep(SETTLED)
    assert (len(busy.ours()), len(busy.ours(WEB_IDENTITY))) == (16, 15)

    before, azure = await busy.operator_writes(), len(busy.azure.log.writes())
    looks = len(busy.azure.log.named("credentials.list"))
    operator.kill()
    operator.start()
    await operator.until_ready()
    await busy.until(lambda: len(busy.azure.log.named("credentials.list")) >= looks + 4, "both targets looked at twice")

    assert await writes_of(busy, before) == 0
    assert len(busy.azure.log.writes()) == azure


async def test_a_process_at_rest_is_light(world: World, operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.kill()
    operator.start()
    await operator.until_ready()
    await asyncio.sleep(SETTLED)
    with capsys.disabled():
        sys.stdout.write(f"\nRSS at rest after the start: {operator.resident:.0f} MiB\n")
    assert operator.resident < 150
