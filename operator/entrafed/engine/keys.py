"""What there is to work on: an object, a connection, a parent."""

from dataclasses import dataclass

from entrafed.domain.credentials import Parent


@dataclass(frozen=True, slots=True)
class FederationKey:
    uid: str


@dataclass(frozen=True, slots=True)
class ConnectionKey:
    name: str


Key = FederationKey | ConnectionKey | Parent


def kind_of(key: Key) -> str:
    """The verb, as metrics know it."""
    return {FederationKey: "attend", ConnectionKey: "connection"}.get(type(key), "settle")
