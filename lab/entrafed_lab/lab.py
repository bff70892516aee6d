"""The lab: a Kubernetes control plane and a simulated Azure, wired so that each trusts what it must of the other."""

import asyncio
import os
import ssl
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from json import dumps
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .azure import Delays, Rates, Seed, SimulatedAzure
from .azure.documents import InvalidDocument
from .chart import NAMESPACE, manifests_of
from .cluster import HOW_TO_OPEN_DISCOVERY, Cluster, is_issuer_readable, named_cluster, own_cluster
from .controlplane.binaries import ProgramStore
from .controlplane.errors import LabError
from .controlplane.kubectl import Kubectl
from .controlplane.pki import kept_ca
from .controlplane.plane import ControlPlane
from .controlplane.private_files import private_folder, write_private
from .controlplane.progress import Reporter
from .manifests import write_manifests
from .operator_account import ACCOUNT, OperatorAccount
from .operator_process import OperatorProcess
from .workspace import Running, State, Workspace


class Parts(Enum):
    """Which parts of the lab to start."""

    BOTH = "both"
    KUBERNETES_ONLY = "kubernetes only"
    WITH_OPERATOR = "both, and the operator"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants of a lab. Without `kubeconfig`, the lab has its own control plane. `values` are the chart's.

    `delay_scale` multiplies all delays of the simulated Azure, `rate_scale` the requests that it takes per second
    before it answers 429; 0 turns either off.
    """

    directory: Path
    chart: Path | None = None
    values: Path | None = None
    crds: Path | None = None
    kubeconfig: Path | None = None
    seed: Path | None = None
    parts: Parts = Parts.BOTH
    delay_scale: float = 1.0
    rate_scale: float = 1.0


class Lab:
    """`async with Lab(wish, report) as lab:` - everything ready inside, nothing left after. Raises `LabError`."""

    def __init__(self, wish: Wish, report: Reporter, *, environ: Mapping[str, str] | None = None) -> None:
        self.files = Workspace(wish.directory)
        self._wish = wish
        self._report = report
        self._environ = dict(os.environ if environ is None else environ)
        self._programs = ProgramStore(environ=self._environ, report=report)
        self._stack = AsyncExitStack()
        self._watching: set[asyncio.Task[None]] = set()
        self._cluster: Cluster | None = None
        self.azure: SimulatedAzure | None = None

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            raise LabError("the lab has not been started")
        return self._cluster

    async def __aenter__(self) -> Self:
        self.files.claim()
        self._stack.callback(self.files.leave)
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._report.doing("stopping")
        await self._stack.aclose()

    async def watch(self) -> None:
        """Wait until something of the lab fails, and raise why. Does not return while all is well."""
        done, _ = await asyncio.wait(self._watching, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _start(self) -> None:
        self._cluster = await self._start_kubernetes()
        self._write_bundle()
        if self._wish.parts is not Parts.KUBERNETES_ONLY:
            self.azure = await self._start_azure()
        await self._install()
        account = OperatorAccount(self.cluster, self.files, self._report)
        await account.prepare()
        self._watch(account.keep_fresh())
        self._write_env()
        if self._wish.parts is Parts.WITH_OPERATOR:
            await self._start_operator()
        self._note_ready()

    async def _start_kubernetes(self) -> Cluster:
        if self._wish.kubeconfig is not None:
            return await self._use(self._wish.kubeconfig)
        binaries = await self._programs.control_plane()
        self.files.link_program(binaries.kubectl)
        self._report.doing("starting etcd, kube-apiserver and kube-controller-manager")
        plane = ControlPlane(self.files.directory, binaries, environ=self._environ)
        await self._stack.enter_async_context(plane)
        self._watch(plane.watch())
        self._report.say(f"the control plane is ready: {plane.url}")
        return await own_cluster(plane)

    async def _use(self, kubeconfig: Path) -> Cluster:
        """The user's own cluster; kubectl is the one in PATH, if any."""
        program = await self._programs.kubectl()
        self.files.link_program(program)
        environment = {**self._environ, "KUBECACHEDIR": str(self.files.kubectl_cache)}
        kubectl = Kubectl(program, kubeconfig, environment=environment)
        private_folder(self.files.pki)
        cluster = await named_cluster(kubectl, kubeconfig=self.files.kubeconfig, ca=self.files.pki / "cluster-ca.pem")
        self._report.say(f"using the cluster of {kubeconfig}: {cluster.server}")
        if self._wish.parts is not Parts.KUBERNETES_ONLY and not await is_issuer_readable(cluster):
            self._report.say(
                f"the issuer of this cluster, {cluster.issuer}, cannot be read from here without signing in, so the "
                "simulated Entra will refuse its tokens. Where the API server is itself the issuer, this opens it: "
                f"{HOW_TO_OPEN_DISCOVERY}"
            )
        return cluster

    async def _start_azure(self) -> SimulatedAzure:
        self._report.doing("starting the simulated Azure")
        try:
            azure = self._azure()
        except InvalidDocument as invalid:
            raise LabError(str(invalid)) from None
        await self._stack.enter_async_context(azure)
        told = azure.describe()
        write_private(self.files.azure_json, dumps(told, indent=2) + "\n")
        if self._wish.seed is None:
            write_manifests(self.files.manifests, told["endpoints"])
        self._report.say("the simulated Azure is ready")
        return azure

    def _azure(self) -> SimulatedAzure:
        seed = Seed.load(self._wish.seed).trusting_operator(
            issuer=self.cluster.issuer, subject=f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
        )
        return SimulatedAzure(
            seed=seed,
            delays=Delays(scale=self._wish.delay_scale),
            rates=Rates(self._wish.rate_scale or None),
            ca=kept_ca(self.files.pki, "azure-ca"),
            directory=private_folder(self.files.azure),
            trusted_issuer_cas=[] if self.cluster.ca is None else [self.cluster.ca],
        )

    async def _start_operator(self) -> None:
        operator = await self._stack.enter_async_context(
            OperatorProcess(self.files, self._report, delay_scale=self._wish.delay_scale, environ=self._environ)
        )
        self._watch(operator.watch())
        self._report.say("the operator is ready")

    async def _install(self) -> None:
        """The CRDs, the operator's namespace, and what the chart gives the operator."""
        kubectl = self.cluster.kubectl
        if self._wish.crds is not None:
            self._report.doing("installing the CRDs")
            await kubectl("apply", "--server-side", "--force-conflicts", "-f", str(self._wish.crds))
            await self._until_established("-f", str(self._wish.crds))
        await kubectl.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n")
        if self._wish.chart is not None:
            self._report.doing("installing the chart without its Deployment")
            await kubectl.apply(manifests_of(self._wish.chart, self._wish.values))
            if await kubectl("get", "crd", "--output=name"):
                await self._until_established("crd", "--all")

    async def _until_established(self, *which: str) -> None:
        await self.cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *which)

    def _write_bundle(self) -> None:
        kept_ca(private_folder(self.files.pki), "azure-ca")
        authorities = [self.files.pki / "azure-ca.pem", *([self.cluster.ca] if self.cluster.ca else [])]
        if system := ssl.get_default_verify_paths().cafile:  # a shell with our variables should still reach the world
            authorities.append(Path(system))
        write_private(self.files.ca_bundle, b"".join(path.read_bytes() for path in authorities))

    def _write_env(self) -> None:
        azure = {} if self.azure is None else self.azure.environment()
        self.files.write_env(
            {
                **azure,
                "KUBECONFIG": str(self.files.kubeconfig),
                "KUBECACHEDIR": str(self.files.kubectl_cache),
                "SSL_CERT_FILE": str(self.files.ca_bundle),
                "REQUESTS_CA_BUNDLE": str(self.files.ca_bundle),
            }
        )

    def _note_ready(self) -> None:
        server, issuer = self.cluster.server, self.cluster.issuer
        self.files.note(Running(os.getpid(), State.READY, time.time(), server=server, issuer=issuer))

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` run as long as the lab, and its failure be the lab's."""
        task = asyncio.create_task(work)
        self._watching.add(task)
        self._stack.push_async_callback(_cancelled, task)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
