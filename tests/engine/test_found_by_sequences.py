"""What generated sequences once found to be wrong, as short as it can be told."""

from engine_world import NAMESPACE, EngineWorld, federation, oidc


async def test_a_look_at_what_is_no_longer_allowed_costs_one_write(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(oidc("a")))
        await world.until(world.is_ready)
        world.connect()
        await world.until(lambda: world.reason() == "NotPermitted")
        await world.until_quiet()
        del world.cluster.writes[:]
        world.cluster.request_reconcile(NAMESPACE, "web", "now")
        await world.until(lambda: world.seen().status.last_handled_reconcile_at == "now")
        await world.until_quiet()
    assert world.cluster.writes == ["status web"]
