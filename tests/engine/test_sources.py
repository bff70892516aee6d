"""Every source that the schema accepts becomes a credential, through the real SDKs, in a simulated Azure."""

import pytest

from engine_world import APPLICATION, EVERYTHING, IDENTITY, NAMESPACE, EngineWorld, Manifest, federation
from entrafed_lab.azure.seed import HOME_TENANT, READER_APP
from golden_sources import ALL, Golden
from manifests import TENANT

GOLDEN = list(ALL.values())


def written(golden: Golden) -> tuple[str, str | None, tuple[str, ...]]:
    """What Azure is to hold for a source, in the tenant of these tests."""
    return golden.issuer.replace(TENANT, HOME_TENANT), golden.subject, ("api://AzureADTokenExchange",)


def allowing_all() -> list[Manifest]:
    """Rules that allow all sources; one has at most 16 issuers."""
    issuers = sorted({written(golden)[0] for golden in GOLDEN})
    allowed = [{"issuer": issuer, "subjects": ["/eid1/**" if HOME_TENANT in issuer else "**"]} for issuer in issuers]
    return [{**EVERYTHING, "federatedCredentials": allowed[at : at + 16]} for at in range(0, len(allowed), 16)]


@pytest.mark.parametrize(("target", "holder"), [(APPLICATION, READER_APP), (IDENTITY, "web")], ids=["app", "identity"])
@pytest.mark.parametrize("some", [GOLDEN[:16], GOLDEN[16:]], ids=["first", "others"])
async def test_every_source_becomes_the_credential_that_its_tokens_need(
    world: EngineWorld, some: list[Golden], target: Manifest, holder: str
) -> None:
    world.connect(*allowing_all())
    world.azure.world.application(READER_APP).multi_tenant = False
    expected = {written(golden) for golden in some}
    async with world.operator():
        items = [{"name": f"item-{n}", **golden.source} for n, golden in enumerate(some)]
        world.cluster.apply(federation(*items, target=target))
        await world.until(world.is_ready)
        assert set(world.ours(holder).values()) == expected
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await world.until(lambda: world.cluster.federation(NAMESPACE, "web") is None)
    assert world.ours(holder) == {}


async def test_a_service_connection_of_entra_is_refused_at_an_application_that_becomes_multi_tenant(
    world: EngineWorld,
) -> None:
    issuer = f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"
    world.connect({**EVERYTHING, "federatedCredentials": [{"issuer": issuer, "subjects": ["/eid1/**"]}]})
    application = world.azure.world.application(READER_APP)
    application.multi_tenant = False
    async with world.operator():
        world.cluster.apply(federation({"name": "ado", **ALL["Azure DevOps, Entra issuer"].source}))
        await world.until(world.is_ready)
        written = world.ours()
        application.multi_tenant = True
        world.cluster.request_reconcile(NAMESPACE, "web", "please")
        await world.until(lambda: world.reason() == "InvalidSpec")
        assert "AADSTS70052" in world.seen().status.federated_credentials[0].message
        assert world.ours() == written  # it may be of a single tenant again
        application.multi_tenant = False
        world.cluster.request_reconcile(NAMESPACE, "web", "once more")
        await world.until(world.is_ready)
