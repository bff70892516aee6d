"""What the lab gives to tests: a real control plane, one per pytest process, and a simulated Azure, one per test."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from rich.console import Console

from entrafed_lab.azure import Delays, KeyRing, Rates, SimulatedAzure, default_seed
from entrafed_lab.controlplane import Binaries, ControlPlane, Kubectl, OnLines, ProgramStore

CLUSTER_ISSUER = "https://oidc.example/cluster"
"""Issuer of a cluster that exists in tests only: the simulated Azure signs its tokens, `azure.issue(issuer=...)`."""
OPERATOR_SUBJECT = "system:serviceaccount:entrafed-system:entrafed"

StartAzure = Callable[..., Awaitable[SimulatedAzure]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def binaries() -> Binaries:
    """The programs of a control plane. Building them, the first time on a machine, outlasts a test's time limit:
    `entrafed-lab build` before the tests keeps that apart."""
    return await ProgramStore(report=OnLines(Console(stderr=True))).control_plane()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A ready control plane, shared by all tests of this process: work in a namespace of your own."""
    async with ControlPlane(tmp_path_factory.mktemp("control-plane"), binaries) as plane:
        yield plane


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """kubectl as administrator: `await kubectl("get", "mif", "-A")`."""
    return control_plane.kubectl


@pytest_asyncio.fixture
async def namespace(kubectl: Kubectl) -> AsyncIterator[str]:
    """The name of a new namespace, which goes when the test ends (in the background: it takes 5 s)."""
    name = f"test-{secrets.token_hex(4)}"
    await kubectl("create", "namespace", name)
    await kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")  # made by a controller
    yield name
    await kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def azure_ca() -> trustme.CA:
    return trustme.CA(organization_name="entrafed tests")


@pytest.fixture(scope="session")
def azure_keys() -> KeyRing:
    """Signing keys for all simulated issuers of this process: making one takes a tenth of a second."""
    return KeyRing()


@pytest_asyncio.fixture
async def start_azure(azure_ca: trustme.CA, azure_keys: KeyRing) -> AsyncIterator[StartAzure]:
    """`azure = await start_azure(variants=...)`: as many as a test wants, each gone when it ends.

    Unless told otherwise: the default seed, in which the operator signs in with a token of `CLUSTER_ISSUER`; no
    delays; no throttling.
    """
    async with AsyncExitStack() as stack:

        async def start(**wishes: Any) -> SimulatedAzure:
            seed = default_seed().trusting_operator(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT, held=True)
            given = {"seed": seed, "ca": azure_ca, "keys": azure_keys, "delays": Delays.none(), "rates": Rates.off()}
            return await stack.enter_async_context(SimulatedAzure(**{**given, **wishes}))

        yield start


@pytest_asyncio.fixture
async def simulated_azure(start_azure: StartAzure) -> SimulatedAzure:
    """A simulated Azure with the default seed, without delays and throttling."""
    return await start_azure()


@pytest.fixture
def operator_token(simulated_azure: SimulatedAzure, tmp_path: Path) -> Path:
    """A file with a service account token that the operator of `simulated_azure` can sign in with."""
    path = tmp_path / "operator-token"
    path.write_text(simulated_azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT, lifetime=3600))
    return path
