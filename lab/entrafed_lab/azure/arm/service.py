"""What answers under https://management.azure.com: who calls, what it costs, where it goes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from entrafed_lab.azure.arm.admission import Admission
from entrafed_lab.azure.arm.answers import Pages
from entrafed_lab.azure.arm.budgets import Budgets
from entrafed_lab.azure.arm.credentials import Credentials
from entrafed_lab.azure.arm.errors import arm_error
from entrafed_lab.azure.arm.hosts import Hosts
from entrafed_lab.azure.arm.identities import Identities
from entrafed_lab.azure.arm.request import ArmRequest, read_request
from entrafed_lab.azure.arm.role_assignments import RoleAssignments
from entrafed_lab.azure.arm.role_definitions import RoleDefinitions
from entrafed_lab.azure.arm.routes import MANAGED_IDENTITY, PROVIDERS, Kind
from entrafed_lab.azure.exchange import Answer, Call, Refused, ServiceName, json_answer
from entrafed_lab.azure.throttling import Throttle
from entrafed_lab.azure.variants import Variants
from entrafed_lab.azure.world import World


class Arm:
    """The service."""

    name = ServiceName.ARM

    def __init__(self, *, world: World, variants: Variants, throttle: Throttle, url: str) -> None:
        self._world = world
        self._admission = Admission(world)
        self._budgets = Budgets(throttle)
        pages = Pages(url=url, size=variants.page)
        self._identities = Identities(world=world, pages=pages)
        credentials = Credentials(
            world=world, identities=self._identities, budgets=self._budgets, variants=variants, pages=pages
        )
        hosts = Hosts(world=world, admission=self._admission, variants=variants, url=url)
        self._answering: Mapping[Kind, Callable[[ArmRequest], Awaitable[Answer]]] = {
            Kind.PROVIDER: self._provider,
            Kind.IDENTITY: self._identity,
            Kind.CREDENTIAL: credentials.answer,
            Kind.HOST: hosts.answer,
            Kind.HOST_OPERATION: hosts.operation,
            Kind.ROLE_DEFINITION: RoleDefinitions(world=world, pages=pages).answer,
            Kind.ROLE_ASSIGNMENT: RoleAssignments(world=world, variants=variants, pages=pages).answer,
        }

    def error(self, status: int, code: str, message: str) -> Answer:
        return arm_error(status, code, message)

    async def answer(self, call: Call) -> Answer:
        headers = {"x-ms-request-id": str(uuid4()), "x-ms-correlation-request-id": str(uuid4())}
        try:
            request = read_request(call)
            headers |= self._budgets.take_bucket(request)
            self._admission.check(request)
            answer = await self._answering[request.kind](request)
        except Refused as refused:
            answer = arm_error(refused.status, refused.code, refused.message, refused.headers)
        return replace(answer, headers={**headers, **answer.headers})

    async def _identity(self, request: ArmRequest) -> Answer:
        self._budgets.take_provider(request)
        return await self._identities.answer(request)

    async def _provider(self, request: ArmRequest) -> Answer:
        """Whether the subscription is registered to use a provider; a POST registers it at once. Only the one of
        managed identities can be missing."""
        subscription = self._world.subscriptions[request.subscription_id]
        name = next((item for item in PROVIDERS if item.lower() == request.namespace.lower()), None)
        if name is None:
            message = f"The resource namespace '{request.namespace}' is invalid."
            raise Refused(404, "InvalidResourceNamespace", message)
        if request.method == "POST" and name == MANAGED_IDENTITY:
            subscription.registered = True
        registered = name != MANAGED_IDENTITY or subscription.registered
        return json_answer(
            200,
            {
                "id": f"{request.root}/providers/{name}",
                "namespace": name,
                "registrationState": "Registered" if registered else "NotRegistered",
                "resourceTypes": [
                    {"resourceType": kind, "apiVersions": versions} for kind, versions in PROVIDERS[name].items()
                ],
            },
        )
