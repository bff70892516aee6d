"""What is written into the namespace of a ManagedIdentityFederation, and what of it is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from entrafed.api.choices import DriftPolicy
from entrafed.api.outputs import (
    AUTHORITY_VARIABLE,
    CLIENT_ID_ANNOTATION,
    CLIENT_ID_VARIABLE,
    TENANT_ID_ANNOTATION,
    TENANT_ID_VARIABLE,
)
from entrafed.api.states import OutputKind
from entrafed.domain.errors import Problem
from entrafed.domain.marks import owner_mark

MANAGED_BY = "app.kubernetes.io/managed-by"
MADE_BY_US = "entrafed"
MADE_FOR = "entrafed.io/federation"
"""Annotation of a ConfigMap of ours: name of the ManagedIdentityFederation that it was made for."""

LONGEST_MANAGER = 128
"""Characters of a field manager.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-managers
"""

KEYS = {
    OutputKind.SERVICE_ACCOUNT: frozenset({CLIENT_ID_ANNOTATION, TENANT_ID_ANNOTATION}),
    OutputKind.CONFIG_MAP: frozenset({CLIENT_ID_VARIABLE, TENANT_ID_VARIABLE, AUTHORITY_VARIABLE}),
}
"""What is ours to write: annotations of a service account, entries of a ConfigMap."""

_WORDS = {OutputKind.SERVICE_ACCOUNT: "service account", OutputKind.CONFIG_MAP: "ConfigMap"}


@dataclass(frozen=True, slots=True, order=True)
class Output:
    """A service account or a ConfigMap of the object's own namespace."""

    kind: OutputKind
    name: str

    def __str__(self) -> str:
        return f"{_WORDS[self.kind]} {self.name}"


@dataclass(frozen=True, slots=True)
class Content:
    """What is to stand there. `follows`: a ConfigMap that goes with the federation, by an owner reference."""

    values: Mapping[str, str]
    follows: bool = False


@dataclass(frozen=True, slots=True)
class ObservedOutput:
    """As much of a service account or ConfigMap as is ours to write.

    `values` and `managers` are by key; `managers` are the field managers that hold a key, ours among them. `made_for`
    is the federation that a ConfigMap of ours was made for, None for any other and for a service account.
    """

    uid: str
    resource_version: str
    values: Mapping[str, str]
    managers: Mapping[str, frozenset[str]]
    made_for: str | None = None
    follows: bool = False


class Intent(StrEnum):
    """What is to become of an output."""

    WRITE = "write"
    KEEP = "keep"
    """Touch nothing of it, and do not look: it is suspended, or what it should say cannot be known for now."""
    WITHDRAW = "withdraw"
    """Take away what is ours."""
    RELEASE = "release"
    """The federation goes, and this stays."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one object wants of an output.

    `content` is what to write. `problem` is why it is not written, or that it is being removed. `denied_since`, for
    what no rule allows, and `until`, when it is to be wished anew, are in seconds since the epoch. What is not
    `is_asked` is told of until it is gone.
    """

    output: Output
    intent: Intent
    content: Content | None = None
    problem: Problem | None = None
    denied_since: float | None = None
    until: float | None = None
    drift: DriftPolicy = DriftPolicy.REPAIR
    is_asked: bool = True


def field_manager(namespace: str, federation: str) -> str:
    """Who writes on behalf of one federation, as the API server tells writers apart.

    Two federations that annotate one service account are two writers to it: it keeps them from overwriting each other,
    and what both hold stays until neither does.
    """
    name = f"{MADE_BY_US}/{federation}"
    if len(name) <= LONGEST_MANAGER:
        return name
    tail = f"~{owner_mark(namespace, federation)}"  # no name has a tilde
    return name[: LONGEST_MANAGER - len(tail)] + tail
