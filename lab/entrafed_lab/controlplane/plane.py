"""A real Kubernetes control plane on 127.0.0.1: etcd, kube-apiserver and kube-controller-manager, no kubelet."""

import asyncio
import os
import random
import shutil
import ssl
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from . import flags
from .binaries import Binaries
from .component import Component, tail
from .errors import KubectlError, NotReady
from .flags import KeyPair, Trust
from .kubeconfig import write_kubeconfig
from .kubectl import Kubectl
from .pki import issue_client, issue_server, kept_ca, kept_signing_key
from .ports import free_port, kept_port
from .private_files import private_folder

READY_WITHIN = 90.0  # seconds; 3 on an idle machine
POLL = 0.1  # seconds
WATCH_EVERY = 0.5  # seconds

# What a cluster with a public issuer does (EKS, AKS and GKE serve discovery openly): whoever is to trust the tokens,
# here the simulated Entra, reads the keys without signing in.
ANONYMOUS_DISCOVERY = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: entrafed-lab:anonymous-issuer-discovery}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:service-account-issuer-discovery}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:unauthenticated}
"""


class Data(Enum):
    """What happens to etcd's data when a control plane starts."""

    FRESH = "fresh"
    KEPT = "kept"


class ControlPlane:
    """`async with ControlPlane(directory, binaries) as plane:` - ready inside, gone after.

    `directory` keeps port, CA and token signing key, so a control plane started there again has the same issuer; etcd's
    data only with `Data.KEPT`. Everything started ends with this process, however it ends. Raises `NotReady`.
    """

    def __init__(
        self,
        directory: Path,
        binaries: Binaries,
        *,
        data: Data = Data.FRESH,
        ready_within: float = READY_WITHIN,
        environ: Mapping[str, str] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self._binaries = binaries
        self._data = data
        self._ready_within = ready_within
        self._environ = dict(os.environ if environ is None else environ)
        self._rng = rng or random.Random()  # noqa: S311 - chooses ports, not secrets
        self._components: list[Component] = []
        self.port = 0
        self.issuer: str | None = None
        """What new service-account tokens name as their issuer from the next start on, in place of the URL."""
        self.kubectl = Kubectl(
            binaries.kubectl,
            self.kubeconfig,
            environment={**self._environ, "KUBECACHEDIR": str(self.directory / "kubectl-cache")},
        )

    @property
    def url(self) -> str:
        """The API server's URL, which is also the API's own audience and, unless `issuer` is set, the issuer of
        service-account tokens; those that name it are always taken."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The user's kubeconfig: a client certificate of group system:masters."""
        return self.directory / "kubeconfig"

    @property
    def ca_path(self) -> Path:
        """The CA of the API server's certificate."""
        return self._pki / "ca.pem"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the supervisors of what runs now."""
        return tuple(component.pid for component in self._components)

    @property
    def _pki(self) -> Path:
        return self.directory / "pki"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything and wait until it is ready."""
        try:
            async with asyncio.timeout(self._ready_within):
                await self._start()
        except TimeoutError:
            logs = "\n".join(f"{c.name}: {tail(c.log, 5)}" for c in self._components)
            await self.stop()
            message = f"the control plane was not ready after {self._ready_within:.0f} s; its logs are in {self.logs}"
            raise NotReady(message, detail=logs) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything and wait until it is gone, and its ports with it. May be called again."""
        servers, storage = self._components[1:], self._components[:1]
        self._components = []
        for component in servers:
            component.ask_to_stop()
        await asyncio.gather(*(component.stop() for component in servers))
        for component in storage:
            await component.stop()

    async def restart(self) -> None:
        """Stop, and start again with the same data, as when a control plane is upgraded."""
        await self.stop()
        chosen, self._data = self._data, Data.KEPT
        try:
            await self.start()
        finally:
            self._data = chosen

    async def watch(self) -> None:
        """Wait for the unwished end of a program, and raise `NotReady` with the end of its log."""
        while True:
            for component in self._components:
                component.require_running()
            await asyncio.sleep(WATCH_EVERY)

    async def _start(self) -> None:
        private_folder(self.directory)
        private_folder(self.logs)
        shutil.rmtree(self.directory / "kubectl-cache", ignore_errors=True)
        data = self.directory / "etcd"
        if self._data is Data.FRESH:
            shutil.rmtree(data, ignore_errors=True)
        trust = self._trust()
        self.port = await kept_port(self.directory / "issuer-port", self._rng)
        etcd_port = free_port(self._rng)
        self._run("etcd", self._binaries.etcd, flags.etcd(port=etcd_port, data=data, trust=trust))
        self._run(
            "kube-apiserver",
            self._binaries.kube_apiserver,
            flags.kube_apiserver(
                port=self.port,
                etcd_port=etcd_port,
                scratch=self._pki / "self-signed",
                trust=trust,
                issuer=self.issuer,
            ),
        )
        self._write_kubeconfigs()
        await self._until(self._is_api_ready)
        await self.kubectl.apply(ANONYMOUS_DISCOVERY)
        self._run(
            "kube-controller-manager",
            self._binaries.kube_controller_manager,
            flags.kube_controller_manager(kubeconfig=self._pki / "kube-controller-manager.kubeconfig"),
        )
        await self._until(self._has_default_service_account)

    def _run(self, name: str, program: Path, arguments: list[str]) -> None:
        log = self.logs / f"{name}.log"
        log.unlink(missing_ok=True)
        self._components.append(Component.start(name, [program, *arguments], log=log, environment=self._environ))

    def _trust(self) -> Trust:
        folder = private_folder(self._pki)
        ca, etcd_ca = kept_ca(folder, "ca"), kept_ca(folder, "etcd-ca")
        private, public = kept_signing_key(folder)
        return Trust(
            ca=folder / "ca.pem",
            server=KeyPair(*issue_server(ca, folder, "kube-apiserver")),
            etcd_ca=folder / "etcd-ca.pem",
            etcd_server=KeyPair(*issue_server(etcd_ca, folder, "etcd")),
            etcd_client=KeyPair(*issue_client(etcd_ca, folder, "etcd-client", "entrafed lab")),
            signing_key=private,
            signing_key_public=public,
        )

    def _write_kubeconfigs(self) -> None:
        ca = kept_ca(self._pki, "ca")
        for user, path in (
            ("lab-admin", self.kubeconfig),
            ("system:kube-controller-manager", self._pki / "kube-controller-manager.kubeconfig"),
        ):
            certificate, key = issue_client(ca, self._pki, user, "system:masters")
            credentials = {"client-certificate": str(certificate), "client-key": str(key)}
            write_kubeconfig(path, server=self.url, ca=self.ca_path, user=user, credentials=credentials)

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for `condition`, for as long as everything runs; the caller bounds the time."""
        while not await condition():
            for component in self._components:
                component.require_running()
            await asyncio.sleep(POLL)

    async def _is_api_ready(self) -> bool:
        trusting = ssl.create_default_context(cafile=str(self.ca_path))
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"{self.url}/readyz", ssl=trusting) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _has_default_service_account(self) -> bool:
        try:
            await self.kubectl("get", "serviceaccount", "default", "--namespace=default")
        except KubectlError:
            return False
        return True
