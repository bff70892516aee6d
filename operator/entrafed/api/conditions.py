"""Conditions: what is true of an object, why, and since when.

Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from entrafed.api.schema import TIME, camel_case, list_keyed_by

MAX_MESSAGE = 4096
"""Characters of a message that are kept; a longer one would be cut by every tool that shows it."""

ReasonWord = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z]([A-Za-z0-9]*[A-Za-z0-9])?$")]


def _cut(message: Any) -> Any:
    """A status that is too long would be refused as a whole: the end of a message is worth less than the status."""
    return f"{message[: MAX_MESSAGE - 1]}…" if isinstance(message, str) and len(message) > MAX_MESSAGE else message


Message = Annotated[str, Field(max_length=MAX_MESSAGE), BeforeValidator(_cut)]


class ConditionType(StrEnum):
    """What a condition speaks about. Reconciling and Stalled exist only while they are true (kstatus)."""

    READY = "Ready"
    PERMITTED = "Permitted"
    CREDENTIALS_SYNCED = "CredentialsSynced"
    IDENTITIES_ASSIGNED = "IdentitiesAssigned"
    ROLES_ASSIGNED = "RolesAssigned"
    TENANTS_PROVISIONED = "TenantsProvisioned"
    OUTPUTS_WRITTEN = "OutputsWritten"
    SIGNED_IN = "SignedIn"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class ConditionStatus(StrEnum):
    """Whether it holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Condition:
    """One aspect of the object's state."""

    type: ConditionType
    """What the condition speaks about."""
    status: ConditionStatus
    """Whether it holds: True, False or Unknown."""
    reason: ReasonWord
    """Why, in one CamelCase word that programs may rely on. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people. The wording may change between versions."""
    observed_generation: Annotated[int, Field(ge=0)]
    """The `metadata.generation` that the condition was found for; an older one says nothing about the present spec."""
    last_transition_time: Annotated[str, TIME]
    """When `status` of this condition last changed, in RFC 3339 and UTC, like 2026-01-31T12:00:00Z."""


_KNOWN = frozenset(ConditionType)


def _known(conditions: Any) -> Any:
    """Without those that a newer operator wrote: this one cannot keep them true."""
    if not isinstance(conditions, list | tuple):
        return conditions
    return tuple(c for c in conditions if not (isinstance(c, dict) and c.get("type") not in _KNOWN))


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), list_keyed_by("type"), BeforeValidator(_known)]
