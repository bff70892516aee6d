"""The API server is restarted with another `--service-account-issuer`, and the operator notices."""

from pathlib import Path
from typing import Any

import trustme

from entrafed.api.metadata import FEDERATIONS
from entrafed_lab.controlplane import Binaries, ControlPlane
from kube_world import installed
from lab_fixtures import OPERATOR_SUBJECT, StartAzure
from manifests import from_oidc, from_service_account
from operator_process import Operator, until
from operator_world import World, in_tenant

GREEN = "https://oidc.example/green/"
TENANT = "11111111-2222-4333-8444-555555555555"
TIME_SCALE = 0.015
"""Issuers are looked at every second, and count for nine."""
GRACE = 1000.0  # seconds, which are fifteen: time enough to look, and to look at Azure then, on a busy machine


async def test_a_cluster_that_changes_its_issuer_is_trusted_throughout(
    binaries: Binaries, tmp_path: Path, start_azure: StartAzure, azure_ca: trustme.CA
) -> None:
    azure_ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = {
        "ENTRAFED_CA_BUNDLE": str(tmp_path / "ca.pem"),
        "ENTRAFED_TIME_SCALE": str(TIME_SCALE),
        "ENTRAFED_AZURE_RATE_SCALE": "100",
        "ENTRAFED_ISSUER_GRACE_SECONDS": str(GRACE),
    }
    async with ControlPlane(tmp_path / "plane", binaries) as plane:
        cluster = await installed(plane, tmp_path)
        seed = in_tenant(TENANT).trusting_operator(issuer=plane.url, subject=OPERATOR_SUBJECT)
        azure = await start_azure(seed=seed, trusted_issuer_cas=(plane.ca_path,))
        operator = Operator(cluster, tmp_path, settings)
        await operator.sign_in()
        operator.start()
        world = World(cluster, operator, azure, TENANT, namespace="team")
        try:
            await world.connect()
            await world.apply(world.federation(from_service_account("web"), from_oidc(name="job")))
            await until(lambda: shows(world, [(plane.url, "Standing")]), "one issuer")
            plane.issuer = GREEN
            await plane.restart()
            await until(
                lambda: shows(world, [(plane.url, "Retiring"), (GREEN, "Standing")]), "the former issuer retiring"
            )
            assert await trusted(world) == {plane.url, GREEN}
            await until(lambda: shows(world, [(GREEN, "Standing")]), "the new issuer only")
            assert await trusted(world) == {GREEN}
            await until(lambda: has_told(world), "the events")
        finally:
            operator.kill()


async def trusted(world: World) -> set[str]:
    """The issuers by which Azure trusts the service account."""
    return {c.issuer for c in world.holder().credentials if c.subject == "system:serviceaccount:team:web"}


async def shows(world: World, credentials: list[tuple[str, str]]) -> bool:
    """Whether the object is Ready, and its service account has credentials of these issuers, in these states."""
    status: dict[str, Any] = (await world.kubectl.get(FEDERATIONS, "web", "--namespace", "team")).get("status", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    rows = {row["name"]: row.get("credentials", ()) for row in status.get("federatedCredentials", ())}
    shown = [(c["issuer"], c["state"]) for c in rows.get("pods", ())]
    return ready and sorted(shown) == sorted(credentials)


async def has_told(world: World) -> bool:
    events = (await world.kubectl.get("events.events.k8s.io", "--namespace", "team"))["items"]
    reasons = {e["reason"]: e["type"] for e in events if e["regarding"]["name"] == "web"}
    wanted = {"IssuerUnreachable": "Warning", "IssuerRetiring": "Normal", "IssuerRetired": "Normal"}
    return reasons.items() >= wanted.items()
