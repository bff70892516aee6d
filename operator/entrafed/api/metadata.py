"""Names of the API group, and the part of an object's metadata that we read."""

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

GROUP = "entrafed.io"
VERSION = "v1beta1"
FEDERATIONS = "managedidentityfederations"
CONNECTIONS = "entraconnections"
FINALIZER = "entrafed.io/cleanup"
CONNECTION_FINALIZER = "entrafed.io/in-use"
RECONCILE_ANNOTATION = "entrafed.io/reconcile-requested-at"

CAMEL_CASE = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


@dataclass(frozen=True, slots=True, kw_only=True, config=CAMEL_CASE)
class Metadata:
    """What identifies an object and its version. `namespace` is None for objects of the whole cluster."""

    name: str
    namespace: str | None = None
    uid: str
    generation: int
    resource_version: str
    creation_timestamp: str
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
