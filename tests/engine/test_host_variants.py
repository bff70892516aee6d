"""What Microsoft's documents leave open about hosts: identities come and go whichever way Azure has it."""

import pytest

from assignment_world import (
    A_WHILE,
    OpenWorld,
    assigned,
    at,
    deleted,
    gone,
    look_again,
    quiet,
    ready,
    requests,
    with_hosts,
)
from entrafed_lab.azure import Variants
from entrafed_lab.azure.seed import API_APP, API_IDENTITY, API_NODES, API_VM, WEB_SITE, WEB_VM
from entrafed_lab.azure.variants import (
    Acceptance,
    DeadIdentity,
    HostModel,
    IdentityKeys,
    IdentityMap,
    RemovalKeys,
    SiteUpdate,
)
from virtual_world import until

pytestmark = pytest.mark.looptime

HOSTS = (API_VM, WEB_VM, API_NODES, WEB_SITE, API_APP)
VARIANTS = {
    "map replaces": Variants(identity_map=IdentityMap.REPLACE),
    "scale sets refuse mixed changes": Variants(scale_set_changes=Acceptance.REFUSED),
    "removals as shown, keys as given": Variants(
        removal_keys=RemovalKeys.AS_SHOWN, identity_keys=IdentityKeys.AS_GIVEN
    ),
    "removals as shown, keys in lower case": Variants(
        removal_keys=RemovalKeys.AS_SHOWN, identity_keys=IdentityKeys.LOWER
    ),
    "the dead keep their ids": Variants(dead_identity=DeadIdentity.STALE),
    "hosts show what was": Variants(host_model=HostModel.AFTERWARDS),
    "sites answer 202": Variants(site_update=SiteUpdate.ACCEPTED),
}


@pytest.mark.parametrize("variants", VARIANTS.values(), ids=VARIANTS.keys())
async def test_identities_come_are_followed_and_go(open_world: OpenWorld, variants: Variants) -> None:
    async with open_world(variants=variants) as world, world.operator():
        before = {host: at(world, host) for host in HOSTS}
        world.cluster.apply(with_hosts(assigned("web", *HOSTS)))
        await ready(world)
        await quiet(world)
        assert {host: at(world, host) for host in HOSTS} == {host: had | {"api"} for host, had in before.items()}
        assert all(requests(world, "hosts.update", host) == 1 for host in HOSTS)
        new = world.azure.world.recreate_identity(API_IDENTITY)
        look_again(world)

        def is_followed() -> bool:
            found = [world.azure.world.host(host).attached.get(API_IDENTITY.lower()) for host in HOSTS]
            return {entry and entry.principal_id for entry in found} == {new.principal_id}

        await until(is_followed, A_WHILE)
        await ready(world)
        await quiet(world)
        deleted(world)
        await gone(world)
        assert {host: at(world, host) for host in HOSTS} == before
