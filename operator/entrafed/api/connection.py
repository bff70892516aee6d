"""`EntraConnection`: how the operator signs in to a tenant, and who may ask it for what."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from entrafed.api.conditions import Conditions
from entrafed.api.dumping import dump
from entrafed.api.formats import Endpoint, Guid, Issuer
from entrafed.api.metadata import Metadata
from entrafed.api.parsing import parse
from entrafed.api.rules import Rule
from entrafed.api.schema import ATOMIC_LIST, IMMUTABLE, SET, camel_case, exactly_one_of


class CloudName(StrEnum):
    """The clouds that Entra runs in."""

    AZURE_PUBLIC = "AzurePublic"
    AZURE_US_GOVERNMENT = "AzureUSGovernment"
    AZURE_CHINA = "AzureChina"


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class WorkloadIdentity:
    """The operator's own service account token, exchanged for tokens of Entra: no secret is stored anywhere."""

    client_id: Guid
    """Client id of the app registration, or user-assigned managed identity, that the operator signs in as. It has a
    federated identity credential for the operator's own service account."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case(exactly_one_of("workloadIdentity")))
class Credential:
    """With what the operator signs in."""

    workload_identity: WorkloadIdentity | None = None
    """The operator's own service account token, exchanged for tokens of Entra: no secret is stored anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Endpoints:
    """Other addresses than the cloud's own. They decide where tokens are sent."""

    login: Endpoint
    """Where the operator signs in, in place of `https://login.microsoftonline.com`."""
    graph: Endpoint
    """Microsoft Graph, in place of `https://graph.microsoft.com`."""
    arm: Endpoint
    """Azure Resource Manager, in place of `https://management.azure.com`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ConnectionSpec:
    """How to sign in, and who may ask for what."""

    tenant_id: Annotated[Guid, IMMUTABLE]
    """Id of the Entra tenant (directory), like `11111111-2222-3333-4444-555555555555`. It may not be changed."""
    cloud: Annotated[CloudName, IMMUTABLE] = CloudName.AZURE_PUBLIC
    """The cloud that the tenant is in. It may not be changed."""
    credential: Credential
    """With what the operator signs in."""
    cluster_issuers: Annotated[tuple[Issuer, ...], SET, Field(min_length=1, max_length=4)] = ()
    """The issuers of service account tokens, character by character as the `iss` of the tokens has them, in place of
    the one that the API server announces: where the outside sees another address, or where two clusters do the same
    work. Each `serviceAccount` item then has a credential for each of them, and `issuer: cluster` in `rules` stands for
    all of them. An issuer that leaves the list is trusted for the operator's issuer grace still."""
    endpoints: Endpoints | None = None
    """Other addresses than the cloud's own, for a private or a simulated Azure. They are honoured only when the
    operator was started with `--allow-endpoints`, because they decide where tokens are sent."""
    rules: Annotated[tuple[Rule, ...], ATOMIC_LIST, Field(max_length=32)] = ()
    """Which namespaces may ask for what. Something is allowed when one rule serves the namespace, allows the target and
    allows the item. Without rules nothing is allowed. A rule that is withdrawn removes what only it allowed, after a
    delay."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ConnectionStatus:
    """What the operator found."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The `metadata.generation` that this status speaks about."""
    client_id: Annotated[str, Field(max_length=64)] | None = None
    """Client id that the operator signed in as."""
    object_id: Annotated[str, Field(max_length=64)] | None = None
    """Object id of the service principal that the operator signed in as."""
    conditions: Conditions = ()
    """What is true of the connection. Ready sums the others up."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Connection:
    """How the operator signs in to one Entra tenant, and the rules of who may ask it for what."""

    metadata: Metadata
    spec: ConnectionSpec
    status: ConnectionStatus = ConnectionStatus()


_CONNECTION = TypeAdapter(Connection)


def parse_connection(body: Mapping[str, Any]) -> Connection:
    """An `EntraConnection` as the API server gives it. Raises InvalidObject."""
    return parse(_CONNECTION, body)


_STATUS = TypeAdapter(ConnectionStatus)


def dump_connection_status(status: ConnectionStatus) -> dict[str, Any]:
    """The status as the API server takes it: camelCase, no nulls, no empty lists, lists sorted by their key."""
    return dump(_STATUS, status)
