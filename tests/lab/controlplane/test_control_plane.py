"""A control plane is a real one, shows its issuer to everybody, and is gone when it should be."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import jwt
import pytest

from entrafed_lab.controlplane import Binaries, ControlPlane, Kubectl, NotReady

from .processes import LISTEN, mentioning, until

GONE_WITHIN = 60.0  # seconds; 5 of grace, then SIGKILL

LAUNCHER = """
import asyncio, signal, sys
from pathlib import Path
from entrafed_lab.controlplane import ControlPlane, ProgramStore

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit that it is ignored

async def main() -> None:
    async with ControlPlane(Path(sys.argv[1]), await ProgramStore().control_plane()):
        print("ready", flush=True)
        await asyncio.sleep(300)

asyncio.run(main())
"""


async def get(url: str, ca: Path) -> dict[str, object]:
    """What somebody reads who has not signed in."""
    trusting = ssl.create_default_context(cafile=str(ca))
    async with aiohttp.ClientSession() as session, session.get(url, ssl=trusting) as answer:
        assert answer.status == 200, await answer.text()
        return dict(await answer.json(content_type=None))


async def test_it_is_the_pinned_kubernetes(kubectl: Kubectl) -> None:
    version = json.loads(await kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == "v1.37.2"


async def test_a_service_account_token_verifies_against_keys_that_anybody_may_read(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    token = await kubectl("create", "token", "default", "-n", namespace, "--audience=api://AzureADTokenExchange")
    discovery = await get(f"{control_plane.url}/.well-known/openid-configuration", control_plane.ca_path)
    keys = jwt.PyJWKSet.from_dict(await get(str(discovery["jwks_uri"]), control_plane.ca_path))
    key = keys[jwt.get_unverified_header(token.strip())["kid"]]
    claims = jwt.decode(
        token.strip(),
        key,
        algorithms=["RS256"],
        issuer=control_plane.url,
        audience="api://AzureADTokenExchange",
        options={"require": ["exp", "iss", "sub", "aud"]},
    )
    assert claims["sub"] == f"system:serviceaccount:{namespace}:default"
    assert discovery["issuer"] == control_plane.url
    assert str(discovery["jwks_uri"]).startswith("https://127.0.0.1:")


async def test_a_token_signed_by_another_key_does_not_verify(control_plane: ControlPlane) -> None:
    keys = jwt.PyJWKSet.from_dict(await get(f"{control_plane.url}/openid/v1/jwks", control_plane.ca_path))
    forged = jwt.encode({"iss": control_plane.url}, "x" * 32, algorithm="HS256")
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(forged, keys.keys[0], algorithms=["RS256"])


async def test_deleting_a_namespace_deletes_what_is_in_it(kubectl: Kubectl) -> None:
    await kubectl("create", "namespace", "doomed")
    await kubectl("create", "configmap", "inside", "-n", "doomed")
    await kubectl("delete", "namespace", "doomed", "--timeout=30s")
    assert await kubectl("get", "namespace", "doomed", "--ignore-not-found") == ""


async def test_nobody_may_read_secrets_without_signing_in(control_plane: ControlPlane) -> None:
    trusting = ssl.create_default_context(cafile=str(control_plane.ca_path))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{control_plane.url}/api/v1/secrets", ssl=trusting) as answer,
    ):
        assert answer.status == 403


async def test_a_restarted_one_has_the_same_issuer_and_no_old_objects(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, binaries) as first:
        issuer, keys = first.url, await get(f"{first.url}/openid/v1/jwks", first.ca_path)
        await first.kubectl("create", "namespace", "old")
    async with ControlPlane(tmp_path, binaries) as second:
        assert second.url == issuer
        assert await get(f"{second.url}/openid/v1/jwks", second.ca_path) == keys
        assert await second.kubectl("get", "namespace", "old", "--ignore-not-found") == ""


async def test_restarting_keeps_the_objects(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, binaries) as plane:
        await plane.kubectl("create", "namespace", "kept")
        await plane.restart()
        assert await plane.kubectl("get", "namespace", "kept", "-o", "name") == "namespace/kept\n"


async def test_one_restarted_with_another_issuer_signs_for_it_and_takes_the_tokens_of_before(
    binaries: Binaries, tmp_path: Path
) -> None:
    async with ControlPlane(tmp_path, binaries) as plane:
        before = await plane.kubectl("create", "token", "default")
        plane.issuer = "https://oidc.example/green/"
        await plane.restart()
        discovery = await get(f"{plane.url}/.well-known/openid-configuration", plane.ca_path)
        assert discovery["issuer"] == plane.issuer
        after = await plane.kubectl("create", "token", "default")
        for token, issuer in ((before, plane.url), (after, plane.issuer)):
            assert jwt.decode(token, options={"verify_signature": False})["iss"] == issuer
            who = await plane.kubectl("auth", "whoami", f"--token={token.strip()}", *as_nobody(plane), "-o", "json")
            assert json.loads(who)["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"


def as_nobody(plane: ControlPlane) -> tuple[str, ...]:
    """Without the administrator's certificate, which would win over a token."""
    return "--kubeconfig=/dev/null", f"--server={plane.url}", f"--certificate-authority={plane.ca_path}"


async def test_stopping_waits_until_nothing_is_left(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, binaries):
        assert len(mentioning(tmp_path)) == 6  # three programs, each with its supervisor
    assert mentioning(tmp_path) == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_a_launcher_that_dies_leaves_no_process(binaries: Binaries, tmp_path: Path, number: int) -> None:
    launcher = subprocess.Popen(  # noqa: S603, ASYNC220 - our own script
        [sys.executable, "-c", LAUNCHER, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert launcher.stdout is not None
    assert await asyncio.to_thread(launcher.stdout.readline) == b"ready\n"
    assert len(mentioning(tmp_path)) == 7
    launcher.send_signal(number)
    await asyncio.to_thread(launcher.wait, GONE_WITHIN)
    launcher.stdout.close()
    assert until(lambda: not mentioning(tmp_path), within=GONE_WITHIN)


async def test_a_killed_supervisor_takes_its_program_along(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, binaries) as plane:
        for supervisor in plane.pids:
            os.kill(supervisor, signal.SIGKILL)
        assert until(lambda: not mentioning(tmp_path), within=GONE_WITHIN)


async def test_the_death_of_a_program_is_told_with_its_log(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(tmp_path, binaries) as plane:
        os.kill(plane.pids[1], signal.SIGTERM)
        with pytest.raises(NotReady, match=r"kube-apiserver ended with code .*kube-apiserver\.log") as told:
            await asyncio.wait_for(plane.watch(), 60)
    assert told.value.detail


async def test_a_program_that_cannot_start_is_told_at_once(binaries: Binaries, tmp_path: Path) -> None:
    broken = Binaries(
        etcd=binaries.etcd,
        kube_apiserver=Path("/bin/false"),
        kube_controller_manager=binaries.kube_controller_manager,
        kubectl=binaries.kubectl,
    )
    with pytest.raises(NotReady, match="kube-apiserver ended with code 1"):
        await asyncio.wait_for(ControlPlane(tmp_path, broken).start(), 60)
    assert mentioning(tmp_path) == set()


async def test_one_that_is_never_ready_is_given_up_and_ended(binaries: Binaries, tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path, binaries, ready_within=0.3)
    with pytest.raises(NotReady, match="not ready after 0 s"):
        await plane.start()
    assert mentioning(tmp_path) == set()


async def test_keys_are_for_their_owner_only(control_plane: ControlPlane) -> None:
    kept = [*(control_plane.directory / "pki").iterdir(), control_plane.kubeconfig]
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in kept if path.is_file()} == {
        path.name: "0o600" for path in kept if path.is_file()
    }


async def test_everything_listens_on_loopback_only(control_plane: ControlPlane) -> None:
    port = f"{control_plane.port:04X}"
    assert listeners("tcp", port) == ["0100007F"]
    assert listeners("tcp6", port) == []


def listeners(protocol: str, port: str) -> list[str]:
    """The addresses, in hex, on which somebody listens at a port."""
    columns = [line.split() for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]]
    return [one[1].partition(":")[0] for one in columns if one[3] == LISTEN and one[1].endswith(f":{port}")]
