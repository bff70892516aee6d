"""Names of the API group, and the part of an object's metadata that we read."""

from typing import Annotated

from pydantic import AliasPath, Field
from pydantic.dataclasses import dataclass

from entrafed.api.schema import camel_case

GROUP = "entrafed.io"
VERSION = "v1beta1"
FEDERATION_KIND = "ManagedIdentityFederation"
FEDERATIONS = "managedidentityfederations"
CONNECTION_KIND = "EntraConnection"
CONNECTIONS = "entraconnections"
FINALIZER = "entrafed.io/cleanup"
CONNECTION_FINALIZER = "entrafed.io/in-use"
RECONCILE_ANNOTATION = "entrafed.io/reconcile-requested-at"

MAX_ANNOTATION = 262144
"""Bytes of all annotations of an object together, as the API server bounds them."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Metadata:
    """What identifies an object and its version. Times are RFC 3339 in UTC, as the API server writes them."""

    name: str
    namespace: str | None = None
    """None for objects of the whole cluster."""
    uid: str
    generation: int
    resource_version: str
    creation_timestamp: str
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
    reconcile_requested_at: Annotated[
        str | None,
        Field(validation_alias=AliasPath("annotations", RECONCILE_ANNOTATION)),
    ] = None
    """The annotation `entrafed.io/reconcile-requested-at`, whatever its text: only its change matters."""
