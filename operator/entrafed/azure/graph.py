"""Microsoft Graph: applications, their credentials, and the operator's own service principal.

Requests come from msgraph's builders and go through its adapter and middleware; answers are read here. msgraph's models
import 1,400 modules at the first call (40 MiB, a second of blocked event loop) and cost ten times the CPU.
https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
"""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar, cast

import httpx
from kiota_abstractions.base_request_builder import BaseRequestBuilder
from kiota_abstractions.method import Method
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import ResponseHandlerOption
from msgraph.graph_request_adapter import GraphRequestAdapter, options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]

from entrafed.api.federation import ApplicationTarget
from entrafed.azure.answers import read_bill
from entrafed.azure.batches import Batches, Response, Wire
from entrafed.azure.bodies import (
    Application,
    CredentialsPage,
    read_application,
    read_credentials_page,
    read_nothing,
    read_service_principal,
    rewritten,
    written,
)
from entrafed.azure.budgets import Budgets, Spend
from entrafed.azure.calls import Call, FlexibleHidden, Operation, Reply, Service
from entrafed.azure.clock import Clock
from entrafed.azure.credential import Signed
from entrafed.azure.exchange import Exchange
from entrafed.azure.translation import unreadable
from entrafed.azure.transport import BATCH, CONNECT_TIMEOUT, USER_AGENT
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, ObservedCredential, Parent
from entrafed.domain.targets import ServicePrincipal

T = TypeVar("T")
MOST_PAGES = 9  # beyond the first, into which 20 credentials fit; more than this are a loop


class Version(StrEnum):
    """Versions of Graph. Only `/beta` knows flexible credentials, and only for them it is asked."""

    V1 = "v1.0"
    BETA = "beta"


def graph_scope(sign_in: SignIn) -> str:
    return f"{CLOUDS[sign_in.cloud].graph}/.default"  # wherever an endpoint override leads


def http_client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """msgraph's middleware around a transport. Its retries and redirects never see what they act on: the transport
    raises on every answer that is not success."""
    client = httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
    )
    GraphClientFactory.create_with_default_middleware(client=client, options=options)  # changes the client itself
    return client


class Graph:
    """Graph as one connection sees it; one method is one request, or a part of one that several reads share.

    A list is one request per page, and the first of an application with flexible credentials is made again at `/beta`.
    """

    def __init__(
        self,
        sign_in: SignIn,
        *,
        client: httpx.AsyncClient,
        signed: Signed,
        budgets: Budgets,
        exchange: Exchange,
        clock: Clock,
    ) -> None:
        self._sign_in = sign_in
        self._signed = signed
        self._budgets = budgets
        provider = AzureIdentityAuthenticationProvider(
            signed.credential, scopes=[graph_scope(sign_in)], is_cae_enabled=False
        )
        self._adapters = {version: GraphRequestAdapter(provider, client=client) for version in Version}
        for version, adapter in self._adapters.items():
            adapter.base_url = f"{sign_in.graph}/{version}"
        self._graph = GraphServiceClient(request_adapter=self._adapters[Version.V1])
        opening = budgets.graph(sign_in, Spend.GET, units=0)
        self._reads = {
            version: Batches(exchange=exchange, opening=opening, wire=_wire(adapter), clock=clock)
            for version, adapter in self._adapters.items()
        }
        self._flexible: dict[str, frozenset[str]] = {}
        """Names of the flexible credentials by application, as it was last listed or written; only where any."""

    async def close(self) -> None:
        """End what is under way."""
        for reads in self._reads.values():
            await reads.close()

    async def application(self, target: ApplicationTarget) -> Application:
        """Find an application by whichever id names it."""
        if target.object_id is not None:
            words = f"object id {target.object_id}"
            builder: BaseRequestBuilder = self._graph.applications.by_application_id(target.object_id)
        elif target.client_id is not None:
            words = f"client id {target.client_id}"
            builder = self._graph.applications_with_app_id(target.client_id)
        else:
            words = f"unique name {target.unique_name}"
            builder = self._graph.applications_with_unique_name(_quoted(target.unique_name or ""))
        call = self._call(Operation.READ_TARGET, f"read the application with {words}")
        request = _request(Method.GET, builder, select=("id", "appId", "signInAudience"))
        return await self._read(call, request, read_application)

    async def own_service_principal(self) -> ServicePrincipal:
        """The operator's own service principal."""
        client_id = self._sign_in.client_id
        call = self._call(Operation.READ_SELF, f"read the operator's service principal {client_id}")
        return await self._service_principal(call, client_id)

    async def service_principal(self, client_id: str) -> ServicePrincipal:
        """What an application is in this tenant; `NotFound` when it is nothing here."""
        words = f"read the service principal of {client_id} in tenant {self._sign_in.tenant_id}"
        return await self._service_principal(self._call(Operation.READ_SERVICE_PRINCIPAL, words), client_id)

    async def create_service_principal(self, client_id: str) -> ServicePrincipal:
        """Provision an application in this tenant; `AlreadyThere` when it is."""
        words = f"create the service principal of {client_id} in tenant {self._sign_in.tenant_id}"
        call = self._call(Operation.CREATE_SERVICE_PRINCIPAL, words)
        body = json.dumps({"appId": client_id}).encode()
        return await self._ask(
            call, _request(Method.POST, self._graph.service_principals, body=body), read_service_principal
        )

    async def delete_service_principal(self, object_id: str) -> None:
        """Delete a service principal; `NotFound` when it is gone."""
        words = f"delete service principal {object_id} of tenant {self._sign_in.tenant_id}"
        call = self._call(Operation.DELETE_SERVICE_PRINCIPAL, words)
        builder = self._graph.service_principals.by_service_principal_id(object_id)
        await self._ask(call, _request(Method.DELETE, builder), read_nothing)

    async def _service_principal(self, call: Call, client_id: str) -> ServicePrincipal:
        builder = self._graph.service_principals_with_app_id(client_id)
        return await self._read(call, _request(Method.GET, builder, select=("id", "appId")), read_service_principal)

    async def credentials(self, parent: Parent) -> tuple[ObservedCredential, ...]:
        """All credentials of an application."""
        if parent.id not in self._flexible and (shown := await self._shown_by_v1(parent)) is not None:
            return shown
        listed = (await self._list(parent, Version.BETA)).credentials
        flexible = frozenset(credential.name for credential in listed if credential.subject is None)
        if flexible:
            self._flexible[parent.id] = flexible
        else:
            self._flexible.pop(parent.id, None)
        return listed

    async def _shown_by_v1(self, parent: Parent) -> tuple[ObservedCredential, ...] | None:
        """All credentials of an application, as long as none of them is flexible."""
        try:
            page = await self._list(parent, Version.V1)
        except FlexibleHidden:
            return None
        return None if page.hides else page.credentials

    async def _list(self, parent: Parent, version: Version) -> CredentialsPage:
        """All pages in one, or as far as the first that does not show all."""
        call = self._call(Operation.LIST_CREDENTIALS, f"list the credentials of {parent}")
        builder = self._graph.applications.by_application_id(parent.id).federated_identity_credentials
        page = await self._read(call, _request(Method.GET, builder), read_credentials_page, version)
        found = list(page.credentials)
        for _ in range(MOST_PAGES):
            if page.next_link is None or (page.hides and version is Version.V1):
                return CredentialsPage(tuple(found), next_link=None, hides=page.hides)
            page = await self._ask(call, _at(Method.GET, page.next_link), read_credentials_page, version)
            found.extend(page.credentials)
        raise unreadable(call, "the pages do not end")

    async def create(self, parent: Parent, credential: NewCredential) -> None:
        """POST, never an upsert: a credential that is there already is never replaced."""
        call = self._call(Operation.CREATE_CREDENTIAL, f"create credential {credential.name} on {parent}")
        builder = self._graph.applications.by_application_id(parent.id).federated_identity_credentials
        request = _request(Method.POST, builder, body=written(credential))
        version = _version_for(credential)
        if version is Version.BETA:
            self._flexible[parent.id] = self._flexible.get(parent.id, frozenset()) | {credential.name}
        await self._ask(call, request, read_nothing, version)

    async def update(self, parent: Parent, credential: NewCredential) -> None:
        call = self._call(Operation.UPDATE_CREDENTIAL, f"update credential {credential.name} on {parent}")
        request = _request(Method.PATCH, self._named(parent, credential.name), body=rewritten(credential))
        await self._ask(call, request, read_nothing, _version_for(credential))

    async def delete(self, parent: Parent, name: str) -> None:
        call = self._call(Operation.DELETE_CREDENTIAL, f"delete credential {name} of {parent}")
        is_flexible = name in self._flexible.get(parent.id, ())
        request = _request(Method.DELETE, self._named(parent, name))
        await self._ask(call, request, read_nothing, Version.BETA if is_flexible else Version.V1)

    def _named(self, parent: Parent, name: str) -> BaseRequestBuilder:
        application = self._graph.applications.by_application_id(parent.id)
        return application.federated_identity_credentials_with_name(_quoted(name))

    def _call(self, operation: Operation, doing: str) -> Call:
        return Call(Service.GRAPH, operation, doing)

    async def _read(
        self, call: Call, request: RequestInformation, read: Callable[[bytes], T], version: Version = Version.V1
    ) -> T:
        """Read, in one request with whatever else is to be read at the same moment."""
        path = request.url.replace("%24", "$")  # relative until it is sent; only names of options have it
        budget = self._budgets.graph(self._sign_in, Spend.GET, _units(call.operation, path))
        return await self._signed.having_signed_in(lambda: self._reads[version].ask(call, budget, path, read))

    async def _ask(
        self, call: Call, request: RequestInformation, read: Callable[[bytes], T], version: Version = Version.V1
    ) -> T:
        """Send one request of its own."""

        async def send() -> Reply[T]:
            response = await _send(self._adapters[version], request)
            return Reply(response.status, read(response.body), response.bill)

        spend = Spend.WRITE if call.operation.is_write else Spend.GET
        return await self._signed.ask(call, self._budgets.graph(self._sign_in, spend), send)


def _wire(adapter: GraphRequestAdapter) -> Wire:
    """How reads are sent through an adapter, alone and together."""

    async def get(path: str) -> Response:
        return await _send(adapter, _at(Method.GET, f"{adapter.base_url}{path}"))

    async def post(batch: bytes) -> Response:
        request = _at(Method.POST, f"{adapter.base_url}{BATCH}")
        request.set_stream_content(batch, "application/json")
        return await _send(adapter, request)

    return Wire(get, post)


async def _send(adapter: GraphRequestAdapter, request: RequestInformation) -> Response:
    # The native response handler gives the answer before the SDK reads it; the annotation says "bytes".
    answer = cast("httpx.Response", await adapter.send_primitive_async(request, "bytes", {}))
    return Response(answer.status_code, answer.content, read_bill(answer.headers))


def _units(operation: Operation, path: str) -> float:
    """Resource units that a read costs, as documented, and at least 1; the answer tells the true cost. Source:
    https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits"""
    units = 2.0 if operation is Operation.READ_TARGET else 1.0
    return max(1.0, units - ("$select" in path))


def _version_for(credential: NewCredential) -> Version:
    return Version.BETA if credential.trust.pair.expression else Version.V1


def _request(
    method: Method, builder: BaseRequestBuilder, *, select: tuple[str, ...] = (), body: bytes | None = None
) -> RequestInformation:
    # A copy: the SDK's `..._with_app_id` builders write their key into one dictionary that all requests share, and the
    # address is made of it only when the request is sent.
    request = RequestInformation(method, builder.url_template, dict(builder.path_parameters))
    if select:
        request.query_parameters["%24select"] = list(select)
    if body is not None:
        request.set_stream_content(body, "application/json")
    return _prepare(request)


def _at(method: Method, url: str) -> RequestInformation:
    """A request to an absolute address."""
    request = RequestInformation(method)
    request.url = url
    return _prepare(request)


def _prepare(request: RequestInformation) -> RequestInformation:
    request.headers.try_add("Accept", "application/json")
    request.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
    return request


def _quoted(name: str) -> str:
    """A string inside the quotes of an OData key."""
    return name.replace("'", "''")
