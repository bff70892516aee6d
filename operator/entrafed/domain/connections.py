"""How the operator signs in to one tenant, as a value: equal values share clients, tokens and cached reads."""

from dataclasses import dataclass

from entrafed.api.connection import CloudName


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
