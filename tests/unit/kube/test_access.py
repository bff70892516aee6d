"""Where the configuration is taken from, and what is said when there is none."""

import ssl
import time
from pathlib import Path

import aiohttp
import pytest
import trustme
import yaml
from aiohttp import web

from entrafed.domain.errors import KubeProblem
from entrafed.kube.access import Access, Kubeconfig, NoAccess, ServiceAccount, source_of
from entrafed.kube.client import Client


def test_a_kubeconfig_that_is_named_wins() -> None:
    everything = {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    assert source_of(Path("/a"), everything) == Kubeconfig("/a")


def test_the_variable_wins_over_the_pods_own_account() -> None:
    assert source_of(None, {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == Kubeconfig("/b")


def test_a_pod_uses_its_own_account() -> None:
    assert source_of(None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == ServiceAccount()


def test_elsewhere_the_users_kubeconfig_is_used() -> None:
    assert source_of(None, {}) == Kubeconfig(str(Path.home() / ".kube" / "config"))


@pytest.mark.parametrize("text", ["", "{", "[]", "clusters: 1", "kind: Config", "current-context: a\ncontexts: []"])
async def test_an_unusable_kubeconfig_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    with pytest.raises(NoAccess) as caught:
        await Access.open(Kubeconfig(str(path)), time.monotonic)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match="does not exist"):
        await Access.open(Kubeconfig(str(tmp_path / "nothing")), time.monotonic)


def kubeconfig(folder: Path, server: str = "https://127.0.0.1:6443", **cluster: object) -> Kubeconfig:
    """One that says these things of the cluster; `_` in a name stands for `-`."""
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "x",
                "clusters": [
                    {"name": "x", "cluster": {"server": server, **{k.replace("_", "-"): v for k, v in cluster.items()}}}
                ],
                "users": [{"name": "x", "user": {"token": "secret"}}],
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            }
        )
    )
    return Kubeconfig(str(path))


@pytest.mark.parametrize("wish", [True, 1, "true", "yes", "false"])
async def test_a_server_that_nobody_vouches_for_is_given_no_token(wish: object, tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match="insecure-skip-tls-verify is not supported") as caught:
        await Access.open(kubeconfig(tmp_path, insecure_skip_tls_verify=wish), time.monotonic)
    assert "secret" not in str(caught.value)


async def test_to_ask_for_verification_is_no_wish_for_less(tmp_path: Path) -> None:
    await Access.open(kubeconfig(tmp_path, insecure_skip_tls_verify=False), time.monotonic)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "-", "https://a", 5, True, ["a"], {"a": "b"}])
async def test_a_server_name_that_is_none_is_told(name: object, tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match="tls-server-name must be a host name"):
        await Access.open(kubeconfig(tmp_path, tls_server_name=name), time.monotonic)


@pytest.mark.parametrize(("name", "is_right"), [("kubernetes.default", True), ("another", False), (None, False)])
async def test_the_certificate_must_be_for_the_name_that_the_kubeconfig_tells(
    name: str | None, is_right: bool, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("kubernetes.default").configure_cert(tls)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_get("/x", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    told = {"tls_server_name": name} if name else {}
    source = kubeconfig(
        tmp_path,
        f"https://127.0.0.1:{runner.addresses[0][1]}",
        certificate_authority=str(tmp_path / "ca.pem"),
        **told,
    )
    access = await Access.open(source, time.monotonic)
    client = Client(access.client(connections=1), lambda: None)
    try:
        async with access.session(connections=1) as session:
            if is_right:
                assert await client.get("/x") == {"ok": True}
                assert (await session.get(f"{access.server}/x")).status == 200
            else:
                with pytest.raises(KubeProblem):
                    await client.get("/x")
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(f"{access.server}/x")
    finally:
        await client.close()
        await runner.cleanup()
