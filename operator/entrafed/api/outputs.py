"""What the operator writes into the cluster, where it is asked to: what workloads need to know of the target.

The docstrings are what `kubectl explain` shows.
"""

from enum import StrEnum

from pydantic.dataclasses import dataclass

from entrafed.api.formats import DnsSubdomain
from entrafed.api.schema import camel_case

CLIENT_ID_ANNOTATION = "azure.workload.identity/client-id"
TENANT_ID_ANNOTATION = "azure.workload.identity/tenant-id"
"""What the webhook of azure-workload-identity reads off a service account when a pod starts.

Source: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
"""

CLIENT_ID_VARIABLE = "AZURE_CLIENT_ID"
TENANT_ID_VARIABLE = "AZURE_TENANT_ID"
AUTHORITY_VARIABLE = "AZURE_AUTHORITY_HOST"
"""What the Azure SDKs read off the environment.

Source: https://learn.microsoft.com/python/api/overview/azure/identity-readme#environment-variables
"""


class AnnotationPolicy(StrEnum):
    """What is done to the annotations of a service account."""

    NONE = "None"
    WRITE = "Write"


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ConfigMapOutput:
    """A ConfigMap of the object's own namespace."""

    name: DnsSubdomain
    """Name of the ConfigMap. The operator makes it; one that is there already and was not made for this object is never
    changed."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class OutputSpec:
    """What is written into the namespace of the object."""

    config_map: ConfigMapOutput
    """A ConfigMap with the keys `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and `AZURE_AUTHORITY_HOST`, for workloads that
    azure-workload-identity gives nothing: `envFrom` makes them the variables that the Azure SDKs read. It goes with
    this object unless `deletionPolicy` is `Retain`."""
