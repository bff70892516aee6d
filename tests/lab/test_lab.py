"""The whole lab: each side trusts what it must of the other, and its files are all that a user needs."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
import pytest_asyncio
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import WorkloadIdentityCredential
from rich.console import Console

from azure_clients import assertion_credential, graph_client
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.seed import OPERATOR_APP, READER_OBJECT
from entrafed_lab.cluster import is_issuer_readable
from entrafed_lab.controlplane import Binaries, ControlPlane, KubectlError
from entrafed_lab.controlplane.errors import LabError
from entrafed_lab.controlplane.progress import OnLines, Silent
from entrafed_lab.lab import Lab, Wish
from entrafed_lab.workspace import Workspace

from .controlplane.processes import mentioning

pytestmark = pytest.mark.usefixtures("binaries")  # built before, lest a test waits for it

ROOT = Path(__file__).parents[2]
CONTEXT = "current-context: mine\ncontexts: [{name: mine, context: {cluster: mine}}]\n"
NOBODY = f'{CONTEXT}clusters: [{{name: mine, cluster: {{server: "https://127.0.0.1:1"}}}}]'
WITHOUT_A_CLUSTER = {
    "empty": "{}",
    "not a kubeconfig": "somebody wrote this",
    "no such context": "current-context: mine",
    "no such cluster": CONTEXT,
    "no cluster": CONTEXT.replace("cluster: mine", ""),
    "no server": f"{CONTEXT}clusters: [{{name: mine, cluster: {{}}}}]",
}


def exports(env: Path) -> dict[str, str]:
    """The variables of `.lab/env`, PATH apart."""
    pairs = (line.removeprefix("export ").partition("=") for line in env.read_text().splitlines())
    return {name: shlex.split(value)[0] for name, _, value in pairs if name != "PATH"}


async def command(*arguments: str, within: float = 120) -> str:
    """What `entrafed-lab` prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "entrafed_lab", *arguments, stdout=subprocess.PIPE, env=os.environ
    )
    async with asyncio.timeout(within):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_the_operator_signs_in_with_its_projected_token_and_lists_credentials(tmp_path: Path) -> None:
    async with Lab(Wish(tmp_path / "lab"), Silent()) as lab:
        files, variables = lab.files, exports(lab.files.env)
        assert isinstance(lab.azure, SimulatedAzure)
        async with WorkloadIdentityCredential(
            tenant_id=variables["AZURE_TENANT_ID"],
            client_id=OPERATOR_APP,
            token_file_path=str(files.operator_token),
            authority=variables["AZURE_AUTHORITY_HOST"],
            connection_verify=str(files.ca_bundle),
        ) as credential:
            credentials = graph_client(lab.azure, credential).applications.by_application_id(READER_OBJECT)
            listed = await credentials.federated_identity_credentials.get()
        assert listed is not None
        assert [item.name for item in listed.value or []] == ["terraform-production"]

        other = await lab.cluster.kubectl("create", "token", "default", "--audience=api://AzureADTokenExchange")
        async with assertion_credential(lab.azure, other.strip(), client_id=OPERATOR_APP) as credential:
            with pytest.raises(
                ClientAuthenticationError, match=r"AADSTS700213: .*system:serviceaccount:default:default"
            ):
                await credential.get_token("https://graph.microsoft.com/.default")


async def test_the_files_of_a_lab_are_all_that_a_user_and_an_operator_need(tmp_path: Path) -> None:
    async with Lab(Wish(tmp_path / "lab"), Silent()) as lab:
        files, variables = lab.files, exports(lab.files.env)
        as_operator = lab.cluster.kubectl.with_kubeconfig(files.operator_kubeconfig)
        who = await as_operator("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
        assert who == "system:serviceaccount:entrafed-system:entrafed"
        with pytest.raises(KubectlError, match="get secrets"):
            await as_operator("get", "secrets", "--all-namespaces")

        told = json.loads(files.azure_json.read_text())
        assert told["endpoints"]["login"] == variables["AZURE_AUTHORITY_HOST"]
        assert told["operator"] == {"tenantId": variables["AZURE_TENANT_ID"], "clientId": OPERATOR_APP}
        secret = [files.operator_token, files.operator_api_token, files.kubeconfig, files.azure_json, files.env]
        assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert mentioning(tmp_path) == set()


async def test_a_lab_runs_in_the_background_until_it_is_ended(tmp_path: Path) -> None:
    where = f"--dir={tmp_path / 'lab'}"
    try:
        await command("up", "--detach", "--delay-scale=0", where)
        status = json.loads(await command("status", "-o", "json", where))
        assert status["state"] == "ready"
        ports = (tmp_path / "lab" / "azure" / "ports.json").read_text()
        assert f"export KUBECONFIG={tmp_path}/lab/kubeconfig" in await command("env", where)
    finally:
        await command("down", where)
    assert mentioning(tmp_path) == set()
    assert json.loads(ports).keys() == {"login", "graph", "arm", "blob", "imds", "appservice", "admin"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def theirs(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A cluster of the user's own."""
    async with ControlPlane(tmp_path_factory.mktemp("theirs"), binaries) as plane:
        yield plane


async def test_a_cluster_of_the_users_own_is_used_and_outlives_the_lab(theirs: ControlPlane, tmp_path: Path) -> None:
    lab, where = Workspace(tmp_path / "lab"), f"--dir={tmp_path / 'lab'}"
    kubeconfig, running = theirs.kubeconfig.read_text(), mentioning(theirs.directory)
    with pytest.raises(KubectlError):
        await theirs.kubectl("get", "mif")
    try:
        await command(
            *("up", "--detach", "--operator", f"--kubeconfig={theirs.kubeconfig}", "--delay-scale=0", where),
            *(f"--crds={ROOT / 'crds'}", f"--chart={ROOT / 'charts/entrafed'}"),
        )
        status = json.loads(await command("status", "-o", "json", where))
        assert (status["server"], status["issuer"]) == (theirs.url, theirs.url)
        assert len(mentioning(lab.directory)) == 3  # the lab, and the operator with its supervisor
        as_operator = theirs.kubectl.with_kubeconfig(lab.operator_kubeconfig)
        with pytest.raises(KubectlError, match="get secrets"):
            await as_operator("get", "secrets", "--all-namespaces")
        await theirs.kubectl("apply", "-f", str(lab.manifests))
        await theirs.kubectl("wait", "mif", "--all", "-A", "--for=condition=Ready", "--timeout=60s")
    finally:
        await command("down", where)
    assert mentioning(lab.directory) == set()
    assert mentioning(theirs.directory) == running
    assert len((await theirs.kubectl.get("mif", "-A"))["items"]) == 1
    assert theirs.kubeconfig.read_text() == kubeconfig


async def test_a_cluster_that_hides_its_issuer_is_told_of_with_the_command_that_opens_it(
    theirs: ControlPlane, tmp_path: Path
) -> None:
    await theirs.kubectl("delete", "clusterrolebinding", "entrafed-lab:anonymous-issuer-discovery")
    told = StringIO()
    async with Lab(Wish(tmp_path / "lab", kubeconfig=theirs.kubeconfig), OnLines(Console(file=told))) as lab:
        (advice,) = (line for line in told.getvalue().splitlines() if f"{theirs.url}, cannot be read" in line)
        await theirs.kubectl(*shlex.split(advice.partition(": kubectl ")[2]))
        async with asyncio.timeout(20):
            while not await is_issuer_readable(lab.cluster):  # noqa: ASYNC110 - the API server sets no event here
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("mistake", WITHOUT_A_CLUSTER)
async def test_a_kubeconfig_without_a_cluster_is_told_in_words(tmp_path: Path, mistake: str) -> None:
    await require_refused(tmp_path, WITHOUT_A_CLUSTER[mistake], r"/mine has no current context that names a cluster")


async def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    await require_refused(tmp_path, NOBODY, r"https://127.0.0.1:1, which .*/mine names, does not say who issues")


async def require_refused(tmp_path: Path, kubeconfig: str, told: str) -> None:
    """No lab starts with this kubeconfig, the reason is told, and nothing is left."""
    path = tmp_path / "mine"
    path.write_text(kubeconfig)
    with pytest.raises(LabError, match=told):
        async with Lab(Wish(tmp_path / "lab", kubeconfig=path), Silent()):
            pytest.fail("the lab started")
    assert mentioning(tmp_path) == set()
    assert Workspace(tmp_path / "lab").running() is None


async def test_a_mistake_in_the_seed_file_is_told_in_words(tmp_path: Path) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("tenant: []")
    with pytest.raises(LabError, match=r"seed.yaml: unknown tenant; possible are access, applications"):
        async with Lab(Wish(tmp_path / "lab", seed=seed), Silent()):
            pytest.fail("the lab started")
    assert mentioning(tmp_path) == set()
