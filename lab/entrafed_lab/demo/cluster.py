"""The demo's side of Kubernetes: what a user does with kubectl, and shows."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from entrafed_lab.controlplane.kubectl import Kubectl
from entrafed_lab.manifests import CONNECTION, FEDERATION, NAMESPACE, PARTNER
from entrafed_lab.workspace import Workspace

from .stage import NotYet, Stage
from .workload import EXCHANGE

Condition = Mapping[str, Any]
_CREDENTIALS = (
    r"""jsonpath={range .status.federatedCredentials[*]}{.name}: {.state}, {.credentials[0].subject}{"\n"}{end}"""
)
_ASSIGNMENTS = (
    r"""jsonpath={range .status.identityAssignments[0].resources[*]}{.state}: {.resourceId}{"\n"}{end}"""
    r"""{range .status.roleAssignments[0].assignments[*]}{.state}: {.role} at {.scope}{"\n"}{end}"""
    r"""{range .status.tenants[*]}{.assignment}: service principal in {.tenantId}{"\n"}{end}"""
)


class User:
    """Somebody with kubectl. Raises `KubectlError` where kubectl does."""

    def __init__(self, kubectl: Kubectl, files: Workspace, stage: Stage) -> None:
        self._kubectl = kubectl
        self._files = files
        self._stage = stage

    async def tidy(self) -> None:
        """Remove what an earlier demo in the same lab left."""
        limit = f"--timeout={self._stage.within:.0f}s"
        self._stage.report.doing("removing what an earlier demo left")
        await self._kubectl("delete", "mif", FEDERATION, f"--namespace={NAMESPACE}", "--ignore-not-found", limit)
        await self._kubectl("delete", "entraconnection", CONNECTION, PARTNER, "--ignore-not-found", limit)

    async def version(self) -> str:
        found = json.loads(await self._kubectl("version", "-o", "json"))
        return str(found["serverVersion"]["gitVersion"])

    async def apply(self, file_name: str) -> None:
        """Apply one of the lab's manifests, and show it."""
        await self.show("apply", "-f", str(self._files.manifests / file_name))

    async def show(self, *arguments: str) -> None:
        """Run a command before the audience."""
        self._stage.command(shlex.join(("kubectl", *arguments)))
        self._stage.output(await self._kubectl(*arguments))

    async def ready_connection(self, name: str) -> Condition:
        """A connection's condition Ready, once it is true. Raises `NotYet`."""
        return _ready(await self._kubectl.get("entraconnection", name))

    async def ready_federation(self) -> Mapping[str, Any]:
        """The federation, once it is Ready. Raises `NotYet`."""
        found = await self._federation()
        _ready(found)
        return found

    async def show_federation(self) -> None:
        await self.show("get", "mif", FEDERATION, f"--namespace={NAMESPACE}")
        await self.show("get", "mif", FEDERATION, f"--namespace={NAMESPACE}", "-o", _CREDENTIALS)

    async def show_assignments(self) -> None:
        await self.show("get", "mif", FEDERATION, f"--namespace={NAMESPACE}", "-o", _ASSIGNMENTS)

    async def delete_federation(self) -> None:
        await self.show("delete", "mif", FEDERATION, f"--namespace={NAMESPACE}", "--wait=false")

    async def federation_is_gone(self) -> None:
        """Raises `NotYet`, with what hinders."""
        quiet = ("--ignore-not-found", "-o", "json")
        if found := await self._kubectl("get", "mif", FEDERATION, f"--namespace={NAMESPACE}", *quiet):
            raise NotYet(_words(_condition(json.loads(found))))

    async def token(self, account: str) -> str:
        """A token of a service account to be exchanged, as a pod of it has one projected."""
        arguments = ("create", "token", account, f"--namespace={NAMESPACE}", f"--audience={EXCHANGE}")
        self._stage.command(f"kubectl {' '.join(arguments)}")
        return (await self._kubectl(*arguments)).strip()

    async def operator_name(self) -> str:
        """Who the API server says the operator is."""
        return await self._operator("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")

    async def operator_may(self, verb: str, resource: str, subresource: str = "") -> bool:
        """Whether the API server would let the operator do this in any namespace."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "resource": resource, "subresource": subresource}},
        }
        answer = await self._operator("create", "--validate=false", "-f", "-", "-o", "json", stdin=json.dumps(review))
        return bool(json.loads(answer)["status"]["allowed"])

    @property
    def _operator(self) -> Kubectl:
        return self._kubectl.with_kubeconfig(self._files.operator_kubeconfig)

    async def _federation(self) -> Mapping[str, Any]:
        return await self._kubectl.get("mif", FEDERATION, f"--namespace={NAMESPACE}")


def _ready(found: Mapping[str, Any]) -> Condition:
    condition = _condition(found)
    if condition.get("status") != "True" or condition.get("observedGeneration") != found["metadata"]["generation"]:
        raise NotYet(_words(condition))
    return condition


def _condition(found: Mapping[str, Any]) -> Condition:
    conditions: list[Condition] = found.get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == "Ready"), {})


def _words(condition: Condition) -> str:
    return f"{condition['reason']}: {condition['message']}" if condition else "no status yet"
