"""Choices that several parts of a federation offer: through which connection, and what becomes of what was made."""

from enum import StrEnum

from pydantic.dataclasses import dataclass

from entrafed.api.formats import DnsSubdomain
from entrafed.api.schema import camel_case


class DeletionPolicy(StrEnum):
    """What deleting the object does to what it made."""

    DELETE = "Delete"
    RETAIN = "Retain"


class DriftPolicy(StrEnum):
    """What is done when somebody else changed what is ours."""

    REPAIR = "Repair"
    REPORT = "Report"


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ConnectionRef:
    """An EntraConnection, by name."""

    name: DnsSubdomain
    """Name of the EntraConnection, like `default`. It decides the tenant, and whose rules apply."""
