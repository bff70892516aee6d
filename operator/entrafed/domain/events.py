"""Kubernetes events as values: one per change, with a reason of ours."""

from dataclasses import dataclass
from enum import StrEnum

from entrafed.api.metadata import Metadata
from entrafed.api.reasons import Reason


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


class RegardingKind(StrEnum):
    """The kinds that our events are about."""

    FEDERATION = "ManagedIdentityFederation"
    CONNECTION = "EntraConnection"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object. `action` is what was done, in UpperCamelCase; `note` is for people."""

    kind: RegardingKind
    regarding: Metadata
    type: EventType
    reason: Reason
    action: str
    note: str
