"""The operator's identity in the lab: a service account, its tokens, its kubeconfig. Never an administrator."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from .chart import NAMESPACE
from .cluster import Cluster
from .controlplane.errors import KubectlError
from .controlplane.kubeconfig import write_kubeconfig
from .controlplane.private_files import write_private
from .controlplane.progress import Reporter
from .workspace import Workspace

ACCOUNT = "entrafed"
ENTRA_AUDIENCE = "api://AzureADTokenExchange"
LIFETIME = 3600  # seconds; what a projected token of the chart has
RENEW_EVERY = 300.0  # seconds; often, because a laptop that slept should be well again soon
RETRY_AFTER = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token to keep fresh. `audience` is None for the API server's own."""

    path: Path
    audience: str | None


class OperatorAccount:
    """Service account entrafed-system/entrafed: made if missing (without rights), its token files kept fresh."""

    def __init__(
        self, cluster: Cluster, files: Workspace, report: Reporter, *, renew_every: float = RENEW_EVERY
    ) -> None:
        self._cluster = cluster
        self._files = files
        self._report = report
        self._renew_every = renew_every
        self._tokens = (
            TokenFile(files.operator_api_token, None),
            TokenFile(files.operator_token, ENTRA_AUDIENCE),
        )

    async def prepare(self) -> None:
        """The account, both tokens and the kubeconfig."""
        existing = await self._cluster.kubectl(
            "get", "serviceaccount", ACCOUNT, f"--namespace={NAMESPACE}", "--ignore-not-found", "--output=name"
        )
        if not existing:
            await self._cluster.kubectl("create", "serviceaccount", ACCOUNT, f"--namespace={NAMESPACE}")
        await self.renew()
        write_kubeconfig(
            self._files.operator_kubeconfig,
            server=self._cluster.server,
            ca=self._cluster.ca,
            user="operator",
            credentials={"tokenFile": str(self._files.operator_api_token)},
        )

    async def renew(self) -> None:
        """Ask for new tokens and write them."""
        for token in self._tokens:
            audience = [] if token.audience is None else [f"--audience={token.audience}"]
            issued = await self._cluster.kubectl(
                "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", f"--duration={LIFETIME}s", *audience
            )
            write_private(token.path, issued.strip())

    async def keep_fresh(self) -> None:
        """Renew until cancelled. A failure is said, and tried again: the old token is good for a while."""
        pause = self._renew_every
        while True:
            await asyncio.sleep(pause)
            try:
                await self.renew()
                pause = self._renew_every
            except KubectlError as error:
                self._report.say(f"the operator's tokens could not be renewed, trying again: {error.message}")
                pause = min(RETRY_AFTER, self._renew_every)
