"""Ways to make each claim of the demo untrue from outside: by what others do to Azure or the cluster, or by faults."""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.objects import Application
from entrafed_lab.azure.seed import PARTNER_TENANT, READER_APP, STORAGE_ACCOUNT
from entrafed_lab.demo import Check, Step
from entrafed_lab.lab import Lab
from entrafed_lab.manifests import FEDERATION, HOST, IDENTITY, NAMESPACE, ROLE, SITE, TRUSTED, UNTRUSTED

FOREIGN = "terraform-production"
Deed = Callable[[Lab], AbstractAsyncContextManager[None]]
"""Does it when entered, and undoes it when left."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """`deed` is done when `before` has been announced."""

    before: Step
    deed: Deed


def azure_of(lab: Lab) -> SimulatedAzure:
    assert lab.azure is not None
    return lab.azure


def app_of(lab: Lab) -> Application:
    return azure_of(lab).world.application(READER_APP)


def account(name: str) -> str:
    return f"system:serviceaccount:{NAMESPACE}:{name}"


def fault(
    service: ServiceName,
    *methods: str,
    path: str = "",
    status: int,
    code: str,
    retry_after: float | None = None,
    times: int | None = None,
) -> Deed:
    """Have a service refuse."""

    @asynccontextmanager
    async def deed(lab: Lab) -> AsyncIterator[None]:
        handle = azure_of(lab).faults.add(
            Fault((service,), methods, path, status=status, code=code, retry_after=retry_after, times=times)
        )
        yield
        handle.remove()

    return deed


@asynccontextmanager
async def others_leave(lab: Lab) -> AsyncIterator[None]:
    """Somebody deletes what was there before us."""
    gone = app_of(lab).credential(FOREIGN)
    assert gone is not None
    app_of(lab).remove(FOREIGN)
    yield
    app_of(lab).add_foreign_credential(name=FOREIGN, issuer=gone.issuer, subject=gone.subject)


def somebody_deletes(subject: Callable[[Lab], str]) -> Deed:
    """Somebody deletes our credential of this subject."""

    @asynccontextmanager
    async def deed(lab: Lab) -> AsyncIterator[None]:
        app = app_of(lab)
        app.remove(next(item.name for item in app.credentials if item.subject == subject(lab)))
        yield

    return deed


def somebody_trusts(subject: str, *, name: str = "made-by-others") -> Deed:
    """Somebody adds a credential."""

    @asynccontextmanager
    async def deed(lab: Lab) -> AsyncIterator[None]:
        app_of(lab).add_foreign_credential(name=name, issuer=lab.cluster.issuer, subject=subject)
        yield
        app_of(lab).remove(name)

    return deed


@asynccontextmanager
async def the_operator_hangs(lab: Lab) -> AsyncIterator[None]:
    pids = processes("run", f"--kubeconfig={lab.files.operator_kubeconfig}")
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def processes(*last: str) -> list[int]:
    """Ids of the processes whose command line ends with these arguments, their supervisors apart."""
    ending = "\0".join(last).encode() + b"\0"
    return [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if (line := entry.read_bytes()).endswith(ending) and b"supervise.py" not in line
    ]


@asynccontextmanager
async def the_operator_is_made_administrator(lab: Lab) -> AsyncIterator[None]:
    kubectl = lab.cluster.kubectl
    account = "--serviceaccount=entrafed-system:entrafed"
    await kubectl("create", "clusterrolebinding", "too-much", "--clusterrole=cluster-admin", account)
    yield
    await kubectl("delete", "clusterrolebinding", "too-much")


def loses_its_identity(host: str) -> Deed:
    """Somebody takes the identity off a host."""

    @asynccontextmanager
    async def deed(lab: Lab) -> AsyncIterator[None]:
        azure_of(lab).world.detach(host, IDENTITY)
        yield

    return deed


@asynccontextmanager
async def the_vm_has_the_identity_already(lab: Lab) -> AsyncIterator[None]:
    azure_of(lab).world.attach(HOST, IDENTITY)
    yield
    azure_of(lab).world.detach(HOST, IDENTITY)


@asynccontextmanager
async def the_app_has_the_role_already(lab: Lab) -> AsyncIterator[None]:
    """The next demo takes it away itself."""
    azure_of(lab).world.give_role(app_of(lab).name, ROLE, STORAGE_ACCOUNT)
    yield


@asynccontextmanager
async def the_partner_knows_the_app_already(lab: Lab) -> AsyncIterator[None]:
    azure_of(lab).world.create_service_principal(PARTNER_TENANT, app_of(lab))
    yield
    azure_of(lab).world.delete_service_principal(PARTNER_TENANT, READER_APP)


@asynccontextmanager
async def the_partner_throws_the_app_out(lab: Lab) -> AsyncIterator[None]:
    azure_of(lab).world.delete_service_principal(PARTNER_TENANT, READER_APP)
    yield


@asynccontextmanager
async def deletions_fail(lab: Lab) -> AsyncIterator[None]:
    """Until undone, when the pending one succeeds."""
    async with fault(ServiceName.GRAPH, "DELETE", status=429, code="TooManyRequests", retry_after=1)(lab):
        yield
    await lab.cluster.kubectl("wait", "--for=delete", f"mif/{FEDERATION}", f"--namespace={NAMESPACE}", "--timeout=60s")


def principal(lab: Lab) -> str:
    return azure_of(lab).world.identity(IDENTITY).principal_id


NO_BLOB = fault(ServiceName.BLOB, "GET", status=403, code="AuthorizationPermissionMismatch")

SABOTAGES = {
    Check.FOREIGN_IS_THERE: Sabotage(Step.LAB, others_leave),
    Check.OPERATOR_READY: Sabotage(Step.OPERATOR, the_operator_hangs),
    Check.OPERATOR_HAS_THE_CHARTS_RIGHTS: Sabotage(Step.OPERATOR, the_operator_is_made_administrator),
    Check.SIGNED_IN: Sabotage(Step.CONNECTION, fault(ServiceName.LOGIN, "POST", status=401, code="AADSTS700213")),
    Check.PARTNER_SIGNED_IN: Sabotage(
        Step.CONNECTION, fault(ServiceName.LOGIN, "POST", path=PARTNER_TENANT, status=401, code="AADSTS700213")
    ),
    Check.READY: Sabotage(
        Step.FEDERATION,
        fault(
            ServiceName.GRAPH,
            "POST",
            path="federatedIdentityCredentials",
            status=403,
            code="Authorization_RequestDenied",
        ),
    ),
    Check.WRITTEN: Sabotage(Step.TENANT, somebody_deletes(lambda lab: account(TRUSTED))),
    Check.POD_EXCHANGES: Sabotage(Step.POD, somebody_deletes(lambda lab: account(TRUSTED))),
    Check.NO_ROLE: Sabotage(Step.LACKING, the_app_has_the_role_already),
    Check.NO_IDENTITY: Sabotage(Step.LACKING, the_vm_has_the_identity_already),
    Check.NO_PRINCIPAL: Sabotage(Step.LACKING, the_partner_knows_the_app_already),
    Check.ASSIGNMENTS_READY: Sabotage(
        Step.ASSIGNMENTS, fault(ServiceName.ARM, "PUT", path="roleAssignments", status=403, code="AuthorizationFailed")
    ),
    Check.GIVEN: Sabotage(Step.ASSIGNED, loses_its_identity(SITE)),
    Check.POD_READS: Sabotage(Step.ROLE, NO_BLOB),
    Check.VM_HAS_IDENTITY: Sabotage(Step.VM, loses_its_identity(HOST)),
    Check.VM_EXCHANGES: Sabotage(Step.VM, somebody_deletes(principal)),
    Check.VM_READS: Sabotage(Step.VM, NO_BLOB),
    Check.SITE_HAS_IDENTITY: Sabotage(Step.SITE, loses_its_identity(SITE)),
    Check.SITE_EXCHANGES: Sabotage(Step.SITE, somebody_deletes(principal)),
    Check.PARTNER_EXCHANGES: Sabotage(Step.PARTNER, the_partner_throws_the_app_out),
    Check.OTHERS_REFUSED: Sabotage(Step.OTHERS, somebody_trusts(account(UNTRUSTED))),
    Check.REFUSAL_EXPLAINED: Sabotage(Step.OTHERS, fault(ServiceName.LOGIN, "POST", status=401, code="AADSTS999999")),
    Check.DELETED: Sabotage(Step.DELETION, deletions_fail),
    Check.EXCHANGE_ENDS: Sabotage(Step.AFTERWARDS, somebody_trusts(account(TRUSTED))),
    Check.NOTHING_LEFT: Sabotage(Step.END, somebody_trusts("left", name="mif-aaaaaaaa-aaaaaaaaaaaaaaaa-aaaaaaaa")),
    Check.FOREIGN_UNTOUCHED: Sabotage(Step.END, others_leave),
}
"""For each check, what makes it fail, and it alone."""
