"""What generated sequences once found to be wrong, as short as it can be told."""

from engine_world import NAMESPACE, EngineWorld, federation, flexible, oidc
from entrafed_lab.azure import Fault
from entrafed_lab.azure.faults import WRITES
from entrafed_lab.azure.seed import READER_APP


def recorded(world: EngineWorld, name: str = "web") -> set[str]:
    """Names of the credentials that a status tells of."""
    items = world.seen(name).status.federated_credentials
    return {credential.credential_name for item in items for credential in item.credentials}


async def ask_for_a_look_at_what_is_denied(world: EngineWorld) -> None:
    """From the request on, writes to Kubernetes are kept."""
    await world.until(lambda: world.reason() == "NotPermitted")
    await world.until_quiet()
    del world.cluster.writes[:]
    world.cluster.request_reconcile(NAMESPACE, "web", "now")
    await world.until(lambda: world.seen().status.last_handled_reconcile_at == "now")
    await world.until_quiet()


async def test_a_look_at_what_is_no_longer_allowed_costs_one_write(world: EngineWorld) -> None:
    world.report_late()
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.connect()
        await ask_for_a_look_at_what_is_denied(world)
    assert world.cluster.writes == ["status web"]


async def test_what_was_on_its_way_when_an_object_was_suspended_is_recorded_and_goes_with_its_rule(
    world: EngineWorld,
) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), oidc("b")))
        await world.until(world.is_ready)
        slow = world.azure.faults.add(Fault(methods=WRITES, latency=0.3))
        world.cluster.apply(federation(oidc("a"), oidc("c")))
        await world.until(lambda: slow.hits)
        world.cluster.apply(federation(oidc("a"), oidc("c"), suspend=True))
        await world.until(lambda: world.reason() == "Suspended")
        await world.until(lambda: len(world.ours()) == 3)
        await world.until(lambda: recorded(world) == set(world.ours()))
        slow.remove()
        world.connect()
        await world.until(lambda: not any("job-c" in str(content) for content in world.ours().values()), within=30)


async def test_a_suspended_object_does_not_hold_up_the_end_of_another_that_shared_its_credential(
    world: EngineWorld,
) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(oidc("a"), name="second"))
        await world.until(lambda: world.is_ready("second"))
        world.cluster.apply(federation(name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(name="first", suspend=True))
        await world.until(lambda: world.reason("first") == "Suspended")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "second")
        await world.until(lambda: not world.cluster.has("ManagedIdentityFederation", NAMESPACE, "second"))
    assert world.ours() == {}


async def test_what_a_suspended_object_shares_passes_on_to_it_when_the_other_leaves(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), name="first"))
        await world.until(lambda: world.is_ready("first"))
        world.cluster.apply(federation(oidc("a"), name="first", suspend=True))
        await world.until(lambda: world.reason("first") == "Suspended")
        await world.until_quiet()
        for name in world.ours():
            world.azure.world.holder(READER_APP).remove(name)
        world.cluster.apply(federation(oidc("a"), name="second"))
        await world.until(lambda: world.is_ready("second"))
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "second")
        await world.until(lambda: not world.cluster.has("ManagedIdentityFederation", NAMESPACE, "second"))
        assert set(world.ours()) <= recorded(world, "first")
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "first")
        await world.until(lambda: not world.cluster.has("ManagedIdentityFederation", NAMESPACE, "first"))
    assert world.ours() == {}


async def test_what_was_on_its_way_for_an_item_that_was_denied_then_is_its_memory(world: EngineWorld) -> None:
    async with world.operator():
        slow = world.azure.faults.add(Fault(methods=WRITES, latency=0.3))
        world.cluster.apply(federation(oidc("a")))
        await world.until(lambda: slow.hits)
        world.cluster.apply(federation({"name": "a", "oidc": {"issuer": "https://denied.example", "subject": "job"}}))
        await world.until(lambda: world.reason() == "NotPermitted")
        await world.until_quiet()
        (row,) = world.seen().status.federated_credentials
        assert [credential.credential_name for credential in row.credentials] == list(world.ours())


async def test_what_is_recorded_of_a_suspended_object_after_its_rule_was_withdrawn_goes_too(world: EngineWorld) -> None:
    world.timing = world.with_timing(revocation_delay=0.5)
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        slow = world.azure.faults.add(Fault(methods=("POST",), path_regex="federatedIdentityCredentials", latency=0.5))
        world.cluster.apply(federation(oidc("a"), oidc("b")))
        await world.until(lambda: slow.hits)
        world.connect()
        world.cluster.apply(federation(suspend=True))
        await world.until(lambda: len(world.ours()) == 2)
        await world.until(lambda: world.ours() == {})


async def test_a_request_to_look_again_is_heard_where_no_rule_ever_allowed_the_target(world: EngineWorld) -> None:
    world.report_late()
    world.connect()
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await ask_for_a_look_at_what_is_denied(world)
    assert world.cluster.writes == ["status web"]


async def test_a_credential_of_others_that_means_the_same_in_other_words_takes_ours_out_of_no_status(
    world: EngineWorld,
) -> None:
    async with world.operator():
        world.cluster.apply(federation(flexible()))
        await world.until(world.is_ready)
        holder = world.azure.world.holder(READER_APP)
        (ours,) = (c for c in holder.credentials if c.name in world.ours())
        assert ours.expression is not None
        expression = " and ".join(reversed(ours.expression.split(" and ")))
        holder.add_foreign_credential(name="by-hand", issuer=ours.issuer, expression=expression)
        world.cluster.request_reconcile(NAMESPACE, "web", "now")
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "now")
        await world.until_quiet()
    assert recorded(world) == {ours.name}
