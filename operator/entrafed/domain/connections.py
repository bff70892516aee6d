"""How the operator signs in to one tenant, as a value: equal values share clients, tokens and cached reads."""

from dataclasses import dataclass

from entrafed.api.connection import CloudName, Connection
from entrafed.api.reasons import Reason
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.errors import Problem, ProblemKind


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signs in where. `login`, `graph`, `arm` are https addresses without a trailing slash."""

    connection: str
    """Name of the EntraConnection."""
    cloud: CloudName
    tenant_id: str
    client_id: str
    login: str
    graph: str
    arm: str


def sign_in_of(connection: Connection, *, allow_endpoints: bool) -> SignIn | Problem:
    """How to sign in with a connection, or why not. `allow_endpoints` is the operator's own setting."""
    spec, name = connection.spec, connection.metadata.name
    identity = spec.credential.workload_identity
    if identity is None:
        message = f"EntraConnection {name}: `spec.credential` names no way to sign in that this version knows"
        return Problem(ProblemKind.TERMINAL, Reason.CONNECTION_INVALID, message)
    if spec.endpoints is not None and not allow_endpoints:
        message = (
            f"EntraConnection {name}: `spec.endpoints` is honoured only when the operator runs with --allow-endpoints, "
            "because it decides where tokens are sent; remove it, or start the operator with that flag"
        )
        return Problem(ProblemKind.TERMINAL, Reason.CONNECTION_INVALID, message)
    addresses = spec.endpoints or CLOUDS[spec.cloud]
    return SignIn(
        connection=name,
        cloud=spec.cloud,
        tenant_id=spec.tenant_id.lower(),
        client_id=identity.client_id.lower(),
        login=addresses.login,
        graph=addresses.graph,
        arm=addresses.arm,
    )
