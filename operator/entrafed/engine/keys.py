"""What there is to work on: an object, a connection, a parent."""

from collections.abc import Hashable
from dataclasses import dataclass

from entrafed.api.federation import Federation
from entrafed.domain.credentials import Parent


@dataclass(frozen=True, slots=True)
class FederationKey:
    uid: str


@dataclass(frozen=True, slots=True)
class ConnectionKey:
    name: str


Key = FederationKey | ConnectionKey | Parent


def waits_with(key: Key, federation: Federation | None) -> Hashable:
    """What is equal for keys whose runs may wait for one and the same budget of Azure. `federation` is the key's."""
    match key:
        case Parent(kind=kind, tenant_id=tenant, id=resource):
            subscription = resource.split("/")[2] if resource.startswith("/subscriptions/") else ""
            return kind, tenant, subscription
        case ConnectionKey():
            return key
    if federation is None:
        return None
    return federation.spec.connection_ref.name, federation.spec.target.application is not None


def kind_of(key: Key) -> str:
    """The verb, as metrics know it."""
    return {FederationKey: "attend", ConnectionKey: "connection"}.get(type(key), "settle")
