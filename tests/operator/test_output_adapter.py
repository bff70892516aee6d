"""Outputs on a real API server under the chart's rights, and in the memory that other tests take for one, alike."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest
import pytest_asyncio

import memory_outputs
from entrafed.api.federation import parse_federation
from entrafed.api.metadata import Metadata
from entrafed.api.outputs import CLIENT_ID_ANNOTATION, CLIENT_ID_VARIABLE, TENANT_ID_ANNOTATION
from entrafed.api.states import OutputKind
from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeProblem
from entrafed.domain.output_plan import Remove, Write
from entrafed.domain.outputs import MADE_FOR, MANAGED_BY, Content, Output, field_manager
from entrafed.kube.access import Access, Kubeconfig
from entrafed.kube.api_server import ApiServer
from entrafed.kube.client import Client
from entrafed.runtime.clock import SystemClock
from entrafed.runtime.writes import WriteGate
from entrafed_lab.controlplane import Kubectl
from kube_world import Cluster, cluster
from memory_cluster import MemoryCluster

__all__ = ["cluster"]

WEB = Output(OutputKind.SERVICE_ACCOUNT, "web")
MAP = Output(OutputKind.CONFIG_MAP, "web-entra")
BOTH = {CLIENT_ID_ANNOTATION: "client", TENANT_ID_ANNOTATION: "tenant"}
MANAGER = "entrafed/web"


class Place(Protocol):
    """A namespace with a service account and two federations, `web` and `other`, as its users see it."""

    kube: Any
    web: Metadata
    other: Metadata

    async def annotate(self, key: str, value: str | None) -> None: ...

    async def annotations(self) -> dict[str, str]: ...

    async def delete_account(self) -> None: ...

    async def make_account(self) -> None: ...

    async def variables(self) -> dict[str, str] | None: ...


@dataclass
class RealPlace:
    """On the API server."""

    kube: Any
    kubectl: Kubectl
    web: Metadata
    other: Metadata

    @property
    def _there(self) -> tuple[str, str]:
        return "--namespace", str(self.web.namespace)

    async def annotate(self, key: str, value: str | None) -> None:
        change = f"{key}-" if value is None else f"{key}={value}"
        await self.kubectl(
            "annotate", "serviceaccount", "web", *self._there, "--overwrite", "--field-manager=kubectl", change
        )

    async def annotations(self) -> dict[str, str]:
        account = await self.kubectl.get("serviceaccount", "web", *self._there)
        found: dict[str, str] = account["metadata"].get("annotations", {})
        return found

    async def delete_account(self) -> None:
        await self.kubectl("delete", "serviceaccount", "web", *self._there)

    async def make_account(self) -> None:
        """With a label: what was created without a field of its own has no field management until an apply."""
        metadata = {"name": "web", "labels": {"app": "web"}}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        await self.kubectl("create", *self._there, "-f", "-", stdin=json.dumps(account))

    async def config_map(self) -> dict[str, Any] | None:
        found = await self.kubectl("get", "configmap", "web-entra", *self._there, "--ignore-not-found", "-o", "json")
        return json.loads(found) if found.strip() else None

    async def variables(self) -> dict[str, str] | None:
        found = await self.config_map()
        return found and found.get("data", {})


@dataclass
class MemoryPlace:
    """In memory."""

    kube: MemoryCluster
    web: Metadata = field(init=False)
    other: Metadata = field(init=False)

    def __post_init__(self) -> None:
        self.web, self.other = (
            Metadata(
                name=name,
                namespace="team",
                uid=f"uid-{name}",
                generation=1,
                resource_version="1",
                creation_timestamp="2026-01-31T12:00:00Z",
            )
            for name in ("web", "other")
        )

    async def annotate(self, key: str, value: str | None) -> None:
        self.kube.set_value(WEB, "team", key, value)

    async def annotations(self) -> dict[str, str]:
        return self.kube.values(WEB, "team") or {}

    async def delete_account(self) -> None:
        self.kube.delete("ServiceAccount", "team", "web")

    async def make_account(self) -> None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "team"}}
        self.kube.apply(account)

    async def variables(self) -> dict[str, str] | None:
        return self.kube.values(MAP, "team")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def allowed(cluster: Cluster) -> AsyncIterator[None]:
    async with cluster.allowing_outputs():
        yield


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    access = await Access.open(Kubeconfig(str(cluster.kubeconfig)), time.monotonic)
    client = Client(access.client(connections=4), WriteGate().pass_through)
    yield client
    await client.close()


@pytest.fixture
def new_real(cluster: Cluster, client: Client, allowed: None) -> Callable[[], Awaitable[RealPlace]]:
    async def new() -> RealPlace:
        namespace = await cluster.new_namespace()
        web, other = [
            parse_federation(await cluster.new_federation(namespace, name)).metadata for name in ("web", "other")
        ]
        kube = ApiServer.over(client, SystemClock(), instance="test")
        place = RealPlace(kube, cluster.plane.kubectl, web, other)
        await place.make_account()
        return place

    return new


@pytest.fixture
async def real(new_real: Callable[[], Awaitable[RealPlace]]) -> RealPlace:
    return await new_real()


@pytest.fixture(params=["api server", "memory"])
async def place(request: pytest.FixtureRequest, new_real: Callable[[], Awaitable[RealPlace]]) -> Place:
    if request.param == "api server":
        return await new_real()
    place = MemoryPlace(MemoryCluster(now=time.time))
    await place.make_account()
    return place


async def write(place: Place, output: Output, values: dict[str, str], who: Metadata | None = None, **more: Any) -> None:
    """Look, and write over what is there."""
    who = who or place.web
    observed = await place.kube.output(who, output)
    await place.kube.change_output(who, output, observed, Write(Content(values, **more)))


async def remove(place: Place, output: Output, who: Metadata | None = None) -> None:
    who = who or place.web
    await place.kube.change_output(who, output, await place.kube.output(who, output), Remove())


async def test_annotations_are_written_and_seen_as_ours(place: Place) -> None:
    before = await place.kube.output(place.web, WEB)
    await write(place, WEB, BOTH)
    seen = await place.kube.output(place.web, WEB)

    assert (before.values, before.managers) == ({}, dict.fromkeys(BOTH, frozenset()))
    assert (seen.values, seen.managers) == (BOTH, dict.fromkeys(BOTH, frozenset({MANAGER})))
    assert await place.annotations() == BOTH


async def test_what_is_left_out_goes_and_what_others_wrote_stays(place: Place) -> None:
    await place.annotate("team", "payments")
    await write(place, WEB, BOTH)
    await remove(place, WEB)

    assert await place.annotations() == {"team": "payments"}
    assert not any((await place.kube.output(place.web, WEB)).managers.values())


async def test_another_value_of_others_is_never_written_over(place: Place) -> None:
    await place.annotate(CLIENT_ID_ANNOTATION, "theirs")
    with pytest.raises(KubeConflict):
        await write(place, WEB, BOTH)

    assert await place.annotations() == {CLIENT_ID_ANNOTATION: "theirs"}
    assert (await place.kube.output(place.web, WEB)).managers[CLIENT_ID_ANNOTATION] == {"kubectl"}


async def test_an_equal_value_of_others_is_shared_and_outlives_ours(place: Place) -> None:
    await place.annotate(CLIENT_ID_ANNOTATION, "client")
    await write(place, WEB, BOTH)
    seen = await place.kube.output(place.web, WEB)
    await remove(place, WEB)

    assert seen.managers[CLIENT_ID_ANNOTATION] == {"kubectl", MANAGER}
    assert await place.annotations() == {CLIENT_ID_ANNOTATION: "client"}


async def test_who_changes_an_annotation_of_ours_takes_it(place: Place) -> None:
    await write(place, WEB, BOTH)
    await place.annotate(CLIENT_ID_ANNOTATION, "theirs")
    seen = await place.kube.output(place.web, WEB)

    assert seen.managers == {CLIENT_ID_ANNOTATION: {"kubectl"}, TENANT_ID_ANNOTATION: {MANAGER}}


async def test_who_removes_an_annotation_of_ours_leaves_it_to_nobody(place: Place) -> None:
    await write(place, WEB, BOTH)
    await place.annotate(CLIENT_ID_ANNOTATION, None)

    assert (await place.kube.output(place.web, WEB)).managers[CLIENT_ID_ANNOTATION] == frozenset()
    await write(place, WEB, BOTH)
    assert await place.annotations() == BOTH


async def test_our_own_older_value_is_replaced(place: Place) -> None:
    await write(place, WEB, BOTH)
    await write(place, WEB, {**BOTH, CLIENT_ID_ANNOTATION: "new"})

    assert await place.annotations() == {**BOTH, CLIENT_ID_ANNOTATION: "new"}


async def test_two_federations_are_two_writers(place: Place) -> None:
    await write(place, WEB, BOTH)
    with pytest.raises(KubeConflict):
        await write(place, WEB, {**BOTH, CLIENT_ID_ANNOTATION: "another"}, place.other)
    await write(place, WEB, BOTH, place.other)
    await remove(place, WEB)

    assert await place.annotations() == BOTH
    await remove(place, WEB, place.other)
    assert await place.annotations() == {}


async def test_a_service_account_that_is_gone_is_not_made(place: Place) -> None:
    observed = await place.kube.output(place.web, WEB)
    await place.delete_account()

    assert await place.kube.output(place.web, WEB) is None
    with pytest.raises(KubeConflict):
        await place.kube.change_output(place.web, WEB, observed, Write(Content(BOTH)))
    assert await place.kube.output(place.web, WEB) is None


async def test_a_service_account_that_was_made_again_is_not_taken_for_the_old_one(place: Place) -> None:
    observed = await place.kube.output(place.web, WEB)
    await place.delete_account()
    await place.make_account()

    with pytest.raises(KubeConflict):
        await place.kube.change_output(place.web, WEB, observed, Write(Content(BOTH)))
    assert await place.annotations() == {}


async def test_a_service_account_that_has_changed_is_looked_at_again(place: Place) -> None:
    observed = await place.kube.output(place.web, WEB)
    await place.annotate("team", "payments")

    with pytest.raises(KubeConflict):
        await place.kube.change_output(place.web, WEB, observed, Write(Content(BOTH)))


async def test_a_config_map_comes_changes_and_goes(place: Place) -> None:
    before = await place.kube.output(place.web, MAP)
    await write(place, MAP, {CLIENT_ID_VARIABLE: "client"}, follows=True)
    made = await place.kube.output(place.web, MAP)
    await write(place, MAP, {CLIENT_ID_VARIABLE: "new"}, follows=False)
    changed = await place.kube.output(place.web, MAP)
    seen_by_other = await place.kube.output(place.other, MAP)
    await remove(place, MAP)

    assert before is None
    assert (made.made_for, made.follows, made.values) == ("web", True, {CLIENT_ID_VARIABLE: "client"})
    assert made.managers[CLIENT_ID_VARIABLE] == {MANAGER}
    assert (changed.made_for, changed.follows, changed.values) == ("web", False, {CLIENT_ID_VARIABLE: "new"})
    assert (seen_by_other.made_for, seen_by_other.follows) == ("web", False)
    assert await place.variables() is None


async def test_a_config_map_that_came_meanwhile_is_not_written_over(place: Place) -> None:
    await write(place, MAP, {CLIENT_ID_VARIABLE: "first"}, place.other)
    with pytest.raises(KubeConflict):
        await place.kube.change_output(place.web, MAP, None, Write(Content({CLIENT_ID_VARIABLE: "client"})))

    assert await place.variables() == {CLIENT_ID_VARIABLE: "first"}


async def test_a_config_map_that_has_changed_is_not_deleted(place: Place) -> None:
    await write(place, MAP, {CLIENT_ID_VARIABLE: "client"})
    observed = await place.kube.output(place.web, MAP)
    await write(place, MAP, {CLIENT_ID_VARIABLE: "new"})

    with pytest.raises(KubeConflict):
        await place.kube.change_output(place.web, MAP, observed, Remove())
    assert await place.variables() == {CLIENT_ID_VARIABLE: "new"}


# What only the API server can tell


async def test_what_nobody_is_said_to_hold_is_not_written_over_either(real: RealPlace) -> None:
    there = ("--namespace", str(real.web.namespace))
    await real.delete_account()
    await real.kubectl("create", "serviceaccount", "web", *there)
    await real.annotate(CLIENT_ID_ANNOTATION, "theirs")
    seen = await real.kube.output(real.web, WEB)

    assert seen.managers[CLIENT_ID_ANNOTATION] == frozenset()
    with pytest.raises(KubeConflict):
        await write(real, WEB, BOTH)
    await real.annotate(CLIENT_ID_ANNOTATION, "client")
    await write(real, WEB, BOTH)
    await remove(real, WEB)
    assert await real.annotations() == {CLIENT_ID_ANNOTATION: "client"}


async def test_a_config_map_says_whose_it_is_and_goes_with_its_federation(real: RealPlace) -> None:
    await write(real, MAP, {CLIENT_ID_VARIABLE: "client"}, follows=True)
    made = await real.config_map()

    assert made is not None
    assert made["metadata"]["labels"] == {MANAGED_BY: "entrafed"}
    assert made["metadata"]["annotations"] == {MADE_FOR: "web"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ManagedIdentityFederation", real.web.uid, True)
    await real.kubectl("delete", "mif", "web", "--namespace", str(real.web.namespace))
    wait = ("wait", "configmap/web-entra", "--namespace", str(real.web.namespace), "--for=delete", "--timeout=30s")
    await real.kubectl(*wait)


async def test_a_config_map_of_others_is_seen_as_theirs(real: RealPlace) -> None:
    await real.kubectl("create", "configmap", "web-entra", "--namespace", str(real.web.namespace))

    assert (await real.kube.output(real.web, MAP)).made_for is None


async def test_a_federation_with_a_long_name_writes_too(real: RealPlace) -> None:
    long = replace(real.web, name="w" * 253)
    await write(real, WEB, BOTH, long)

    (manager,) = (await real.kube.output(long, WEB)).managers[CLIENT_ID_ANNOTATION]
    assert manager == field_manager(str(long.namespace), long.name)
    assert len(manager) == 128


async def test_a_namespace_that_is_not_there_is_a_problem_but_none_of_rights(real: RealPlace) -> None:
    nowhere = replace(real.web, namespace="there-is-no-such-namespace")
    with pytest.raises(KubeProblem) as caught:
        await write(real, MAP, {CLIENT_ID_VARIABLE: "client"}, nowhere)

    assert not isinstance(caught.value, KubeForbidden)


def test_memory_keeps_in_mind_who_holds_what() -> None:
    body: dict[str, Any] = {"kind": "ServiceAccount", "metadata": {}}
    memory_outputs.apply(body, BOTH, "one")
    memory_outputs.apply(body, BOTH, "two")
    memory_outputs.update(body, CLIENT_ID_ANNOTATION, "new", "three")

    assert body["metadata"]["managers"] == {CLIENT_ID_ANNOTATION: ["three"], TENANT_ID_ANNOTATION: ["one", "two"]}
