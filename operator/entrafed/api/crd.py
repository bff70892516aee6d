"""The CustomResourceDefinitions, generated from the models."""

from typing import Any

import yaml

from entrafed.api.connection import ConnectionSpec, ConnectionStatus
from entrafed.api.federation import FederationSpec
from entrafed.api.metadata import CONNECTION_KIND, CONNECTIONS, FEDERATION_KIND, FEDERATIONS, GROUP, VERSION
from entrafed.api.openapi import Schema, structural
from entrafed.api.status import FederationStatus

_HEADER = """\
# Generated from the models in operator/entrafed/api by `make generate`: change those, not this file.
# Compatible with kstatus: `status.observedGeneration` (-1 until the operator has looked) and the conditions Ready,
# Reconciling and Stalled, of which the last two are there only while true. Flux and `kubectl wait` need nothing more.
"""


class _WrittenOut(yaml.SafeDumper):
    """YAML without anchors: people read these files, and not every tool follows an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def definitions() -> dict[str, Schema]:
    """The definition of each kind, by the plural under which the API server knows it."""
    return {FEDERATIONS: _federations(), CONNECTIONS: _connections()}


def as_yaml(definition: Schema) -> str:
    """One definition as a YAML document."""
    return _HEADER + yaml.dump(definition, Dumper=_WrittenOut, sort_keys=False, width=120, allow_unicode=True)


def _federations() -> Schema:
    names = {
        "kind": FEDERATION_KIND,
        "listKind": f"{FEDERATION_KIND}List",
        "plural": FEDERATIONS,
        "singular": FEDERATION_KIND.lower(),
        "shortNames": ["mif"],
        "categories": ["entrafed"],
    }
    schema = _object(
        "Federated identity credentials on one app registration or one user-assigned managed identity, kept true by"
        " the operator: workloads sign in to Microsoft Entra with tokens they already have, and without a secret.",
        structural(FederationSpec),
        structural(FederationStatus),
    )
    columns = [
        _condition_column("Ready", "status", "Whether everything asked for is true in Azure."),
        _condition_column("Reason", "reason", "Why, in one word."),
        _column("Target", ".status.summary.target", "What carries the credentials."),
        _column("Credentials", ".status.summary.credentials", "Items that are Synced, of how many."),
        _AGE,
        _condition_column("Message", "message", "What, where and what to do.", priority=1),
    ]
    return _definition("Namespaced", names, schema, columns, selectable=(".spec.connectionRef.name",))


def _connections() -> Schema:
    names = {
        "kind": CONNECTION_KIND,
        "listKind": f"{CONNECTION_KIND}List",
        "plural": CONNECTIONS,
        "singular": CONNECTION_KIND.lower(),
        "shortNames": ["entraconn"],
        "categories": ["entrafed"],
    }
    schema = _object(
        "How the operator signs in to one Microsoft Entra tenant, and the rules of which namespace may ask it for what."
        " Nothing is allowed without a rule. Whoever may write this object decides who gets into Azure.",
        structural(ConnectionSpec),
        structural(ConnectionStatus),
    )
    columns = [
        _condition_column("Ready", "status", "Whether the operator can sign in."),
        _condition_column("Reason", "reason", "Why, in one word."),
        _column("Tenant", ".spec.tenantId", "The Entra tenant."),
        _column("Cloud", ".spec.cloud", "The cloud that the tenant is in."),
        _AGE,
        _condition_column("Message", "message", "What, where and what to do.", priority=1),
    ]
    return _definition("Cluster", names, schema, columns)


def _object(description: str, spec: Schema, status: Schema) -> Schema:
    api_version = {"type": "string", "description": f"Version of the API: `{GROUP}/{VERSION}`."}
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": api_version,
            "kind": {"type": "string", "description": "Name of the kind."},
            "metadata": {"type": "object"},
            "spec": spec,
            # Applied on creation: before anybody has looked, kstatus says InProgress and not Current.
            "status": {**status, "default": {"observedGeneration": -1}},
        },
    }


def _definition(
    scope: str, names: dict[str, Any], schema: Schema, columns: list[Schema], selectable: tuple[str, ...] = ()
) -> Schema:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        **({"selectableFields": [{"jsonPath": path} for path in selectable]} if selectable else {}),
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "entrafed"}},
        "spec": {"group": GROUP, "scope": scope, "names": names, "versions": [version]},
    }


def _column(name: str, path: str, description: str, *, kind: str = "string", priority: int = 0) -> Schema:
    shown = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**shown, "priority": priority} if priority else shown


def _condition_column(name: str, field: str, description: str, *, priority: int = 0) -> Schema:
    return _column(name, f'.status.conditions[?(@.type=="Ready")].{field}', description, priority=priority)


_AGE = _column("Age", ".metadata.creationTimestamp", "Time since the object was made.", kind="date")
