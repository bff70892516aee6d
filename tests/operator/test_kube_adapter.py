"""What we write to a real API server, under exactly the chart's roles."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.connection import ConnectionStatus, parse_connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import (
    CONNECTION_FINALIZER,
    CONNECTIONS,
    FEDERATION_KIND,
    FEDERATIONS,
    FINALIZER,
    GROUP,
    VERSION,
)
from entrafed.api.reasons import Reason
from entrafed.api.states import OutputKind
from entrafed.api.status import FederationStatus, Summary
from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeGone, KubeProblem
from entrafed.domain.events import Event, EventType, RegardingKind
from entrafed.domain.outputs import Output
from entrafed.engine.ports import Kube
from entrafed.kube.access import Access, Kubeconfig
from entrafed.kube.api_server import ApiServer
from entrafed.kube.client import Body, Client, path_of
from entrafed.kube.cluster import cluster_id, list_federation_uids
from entrafed.runtime.clock import SystemClock
from entrafed.runtime.writes import WriteGate
from kube_world import SYSTEM, Cluster, cluster

__all__ = ["cluster"]


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    access = await Access.open(Kubeconfig(str(cluster.kubeconfig)), time.monotonic)
    client = Client(access.client(connections=4), WriteGate().pass_through)
    yield client
    await client.close()


@pytest.fixture
def kube(client: Client) -> Kube:
    return ApiServer.over(client, SystemClock(), instance="test")


@pytest.fixture
async def web(cluster: Cluster) -> Federation:
    return parse_federation(await cluster.new_federation(await cluster.new_namespace()))


async def as_stored(cluster: Cluster, known: Federation) -> dict[str, Any]:
    return await cluster.get(FEDERATIONS, known.metadata.name, known.metadata.namespace)


def a_status(message: str = "all is well") -> FederationStatus:
    condition = Condition(
        type=ConditionType.READY,
        status=ConditionStatus.TRUE,
        reason=Reason.SYNCED,
        message=message,
        observed_generation=1,
        last_transition_time="2026-01-31T12:00:00Z",
    )
    return FederationStatus(observed_generation=1, summary=Summary(credentials="1/1"), conditions=(condition,))


async def test_the_first_finalizer_is_added(cluster: Cluster, kube: Kube, web: Federation) -> None:
    held = await kube.add_finalizer(web)

    assert held.metadata.finalizers == (FINALIZER,)
    assert (await as_stored(cluster, web))["metadata"]["finalizers"] == [FINALIZER]


async def test_a_finalizer_of_others_stays_when_ours_comes_and_goes(
    cluster: Cluster, kube: Kube, web: Federation
) -> None:
    theirs = '{"metadata": {"finalizers": ["example.com/theirs"]}}'
    namespace = str(web.metadata.namespace)
    await cluster.plane.kubectl("patch", FEDERATIONS, "web", "-n", namespace, "--type=merge", "-p", theirs)
    held = await kube.add_finalizer(parse_federation(await as_stored(cluster, web)))
    both = held.metadata.finalizers
    await kube.remove_finalizer(held)

    assert both == ("example.com/theirs", FINALIZER)
    assert (await as_stored(cluster, web))["metadata"]["finalizers"] == ["example.com/theirs"]
    await let_go(cluster, web)


async def test_a_deleted_object_is_gone_with_our_finalizer(cluster: Cluster, kube: Kube, web: Federation) -> None:
    await kube.add_finalizer(web)
    await cluster.plane.kubectl("delete", FEDERATIONS, "web", "-n", str(web.metadata.namespace), "--wait=false")
    leaving = parse_federation(await as_stored(cluster, web))

    assert leaving.metadata.deletion_timestamp is not None
    assert await kube.remove_finalizer(leaving) is None


async def test_a_finalizer_that_went_with_its_object_is_removed(cluster: Cluster, kube: Kube, web: Federation) -> None:
    held = await kube.add_finalizer(web)
    await let_go(cluster, web)
    await cluster.plane.kubectl("delete", FEDERATIONS, "web", "-n", str(web.metadata.namespace))

    assert await kube.remove_finalizer(held) is None


async def let_go(cluster: Cluster, known: Federation) -> None:
    """Take all finalizers away, as an administrator would."""
    nothing = '{"metadata": {"finalizers": null}}'
    await cluster.plane.kubectl(
        "patch", FEDERATIONS, known.metadata.name, "-n", str(known.metadata.namespace), "--type=merge", "-p", nothing
    )


async def test_a_finalizer_on_an_object_that_moved_on_is_a_conflict(kube: Kube, web: Federation) -> None:
    await kube.write_status(web, a_status())

    with pytest.raises(KubeConflict):
        await kube.add_finalizer(web)


async def test_a_status_on_an_object_that_moved_on_is_a_conflict(kube: Kube, web: Federation) -> None:
    await kube.write_status(web, a_status())

    with pytest.raises(KubeConflict):
        await kube.write_status(web, a_status("another"))


async def test_the_same_status_again_changes_nothing(kube: Kube, web: Federation) -> None:
    first = await kube.write_status(web, a_status())
    second = await kube.write_status(first, a_status())

    assert first.metadata.resource_version != web.metadata.resource_version
    assert second.metadata.resource_version == first.metadata.resource_version


async def test_the_answer_of_a_write_is_the_object_as_it_is_now(cluster: Cluster, kube: Kube, web: Federation) -> None:
    written = await kube.write_status(web, a_status())

    assert written.status == a_status()
    assert written == parse_federation(await as_stored(cluster, web))


async def test_a_status_that_no_longer_names_something_removes_it(kube: Kube, web: Federation) -> None:
    first = await kube.write_status(web, a_status())
    second = await kube.write_status(first, FederationStatus(observed_generation=1))

    assert second.status == FederationStatus(observed_generation=1)


async def test_the_status_of_a_deleted_object_does_not_land_on_its_successor(
    cluster: Cluster, kube: Kube, web: Federation
) -> None:
    namespace = str(web.metadata.namespace)
    await cluster.plane.kubectl("delete", FEDERATIONS, "web", "-n", namespace)
    await cluster.new_federation(namespace)

    with pytest.raises(KubeConflict):
        await kube.write_status(web, a_status())


async def test_a_write_to_an_object_that_is_gone_says_so(cluster: Cluster, kube: Kube, web: Federation) -> None:
    await cluster.plane.kubectl("delete", FEDERATIONS, "web", "-n", str(web.metadata.namespace))

    with pytest.raises(KubeGone):
        await kube.add_finalizer(web)
    with pytest.raises(KubeGone):
        await kube.write_status(web, a_status())


async def test_a_status_that_is_never_accepted_is_a_problem_in_one_line(kube: Kube, web: Federation) -> None:
    one = a_status().conditions[0]
    twice = replace(a_status(), conditions=(one, one))

    with pytest.raises(KubeProblem) as caught:
        await kube.write_status(web, twice)
    assert not isinstance(caught.value, KubeConflict)
    assert "\n" not in str(caught.value)


async def test_a_status_that_the_installed_definition_does_not_know_is_a_problem(
    client: Client, web: Federation
) -> None:
    named = {"name": "web", "namespace": web.metadata.namespace, "resourceVersion": web.metadata.resource_version}
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": FEDERATION_KIND, "metadata": named, "status": {"later": 1}}
    path = path_of("apis", GROUP, VERSION, "namespaces", str(web.metadata.namespace), FEDERATIONS, "web", "status")

    with pytest.raises(KubeProblem) as caught:
        await client.patch(path, {"fieldManager": "entrafed"}, Body.APPLY, body)
    assert type(caught.value) is KubeProblem
    assert "later" in str(caught.value)


async def test_a_connection_that_moved_on_is_a_conflict_too(cluster: Cluster, kube: Kube) -> None:
    known = parse_connection(await cluster.new_connection())
    await kube.write_connection_status(known.metadata, ConnectionStatus(observed_generation=1))

    with pytest.raises(KubeConflict):
        await kube.write_connection_status(known.metadata, ConnectionStatus(observed_generation=2))
    with pytest.raises(KubeConflict):
        await kube.set_connection_finalizer(known.metadata, (CONNECTION_FINALIZER,))


async def test_a_connection_gets_status_and_finalizer(cluster: Cluster, kube: Kube) -> None:
    known = parse_connection(await cluster.new_connection())
    held = await kube.set_connection_finalizer(known.metadata, (CONNECTION_FINALIZER,))
    told = await kube.write_connection_status(held.metadata, ConnectionStatus(observed_generation=1, client_id="me"))
    freed = await kube.set_connection_finalizer(told.metadata, ())

    assert held.metadata.finalizers == (CONNECTION_FINALIZER,)
    assert (await cluster.get(CONNECTIONS, known.metadata.name))["status"]["clientId"] == "me"
    assert freed.metadata.finalizers == ()


async def test_a_long_event_is_shortened_and_appears(cluster: Cluster, kube: Kube, web: Federation) -> None:
    await kube.event(an_event(RegardingKind.FEDERATION, web, note="ü" * 2000))

    (event,) = await events_in(cluster, str(web.metadata.namespace))
    assert event["regarding"]["uid"] == web.metadata.uid
    assert (event["reason"], event["action"], event["type"]) == ("Synced", "Reconcile", "Normal")
    assert 500 < len(event["note"]) <= 1024


async def test_an_event_about_a_connection_appears_in_the_namespace_default(cluster: Cluster, kube: Kube) -> None:
    known = parse_connection(await cluster.new_connection())
    await kube.event(an_event(RegardingKind.CONNECTION, known, note="signed in"))

    names = [event["regarding"]["name"] for event in await events_in(cluster, "default")]
    assert known.metadata.name in names


async def test_an_event_that_cannot_be_written_is_lost_without_a_word(kube: Kube, web: Federation) -> None:
    nowhere = replace(web, metadata=replace(web.metadata, namespace="there-is-no-such-namespace"))

    await kube.event(an_event(RegardingKind.FEDERATION, nowhere, note="lost"))


def an_event(kind: RegardingKind, regarding: Any, *, note: str) -> Event:
    return Event(
        kind=kind,
        regarding=regarding.metadata,
        type=EventType.NORMAL,
        reason=Reason.SYNCED,
        action="Reconcile",
        note=note,
    )


async def events_in(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    found = await cluster.plane.kubectl.get("events.events.k8s.io", "-n", namespace)
    return [e for e in found["items"] if e["reportingController"] == "entrafed.io/operator"]


async def test_the_issuer_is_spelled_as_the_discovery_document_spells_it(cluster: Cluster, kube: Kube) -> None:
    assert await kube.cluster_issuer() == cluster.plane.url


async def test_the_cluster_is_known_by_the_uid_of_kube_system(cluster: Cluster, client: Client) -> None:
    assert await cluster_id(client) == (await cluster.get("namespaces", "kube-system"))["metadata"]["uid"]


async def test_the_operator_is_the_charts_service_account(cluster: Cluster) -> None:
    review = json.loads(await cluster.as_operator("auth", "whoami", "-o", "json"))

    assert review["status"]["userInfo"]["username"] == f"system:serviceaccount:{SYSTEM}:entrafed"


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        *((verb, "", "secrets") for verb in ("get", "list", "watch")),
        ("create", "", "serviceaccounts/token"),
        ("create", "", "pods"),
        ("impersonate", "", "users"),
        ("get", "", "serviceaccounts"),
        ("patch", "", "serviceaccounts"),
        ("get", "", "configmaps"),
        ("create", "", "configmaps"),
        ("create", GROUP, FEDERATIONS),
        ("delete", GROUP, FEDERATIONS),
        ("update", GROUP, CONNECTIONS),
    ],
)
async def test_the_operator_may_not(verb: str, group: str, resource: str, cluster: Cluster) -> None:
    assert await cluster.may_the_operator(verb, group, resource) is False


@pytest.mark.parametrize("kind", OutputKind)
async def test_an_output_that_the_chart_does_not_allow_is_forbidden(
    kind: OutputKind, kube: Kube, web: Federation
) -> None:
    with pytest.raises(KubeForbidden):
        await kube.output(web.metadata, Output(kind, "web"))


async def test_with_all_outputs_the_operator_still_makes_no_service_account_and_lists_nothing(cluster: Cluster) -> None:
    async with cluster.allowing_outputs():
        assert await cluster.may_the_operator("patch", "", "serviceaccounts") is True
        for verb, resource in (
            ("create", "serviceaccounts"),
            ("create", "serviceaccounts/token"),
            ("list", "configmaps"),
        ):
            assert await cluster.may_the_operator(verb, "", resource) is False


async def test_the_api_server_says_so_when_the_operator_may(cluster: Cluster) -> None:
    assert await cluster.may_the_operator("patch", GROUP, FEDERATIONS) is True


async def test_what_is_there_at_the_start_is_listed_by_uid(client: Client, web: Federation) -> None:
    assert web.metadata.uid in await list_federation_uids(client)


async def test_a_token_that_was_replaced_is_read_again(cluster: Cluster, client: Client) -> None:
    cluster.token_file.write_text("not-a-token\n")
    access = await Access.open(Kubeconfig(str(cluster.kubeconfig)), time.monotonic)
    late = Client(access.client(connections=1), WriteGate().pass_through)
    try:
        with pytest.raises(KubeProblem, match="401"):
            await cluster_id(late)
        cluster.token_file.write_text(await cluster.new_token() + "\n")
        assert await cluster_id(late)
    finally:
        cluster.token_file.write_text(await cluster.new_token() + "\n")
        await late.close()
