"""Manifests that fit one lab: a connection to its simulated Azure, and a first ManagedIdentityFederation.

Both name objects of the default seed.
"""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from .azure.seed import HOME_TENANT, OPERATOR_APP, READER_APP, WEB_IDENTITY
from .controlplane.private_files import private_folder

CONNECTION = "contoso"
NAMESPACE = "payments"
FEDERATION = "storage-reader"
TRUSTED = "web"
"""The service account that the federation trusts."""
UNTRUSTED = "batch"
"""Another of the same namespace, which nobody trusts."""
IDENTITY = "web"
HOST = "web-vm"
"""The virtual machine that the identity is assigned to."""

_CONNECTION = Template(f"""\
# How the operator signs in to the simulated tenant, and who may ask it for what. What no rule allows is denied.
apiVersion: entrafed.io/v1beta1
kind: EntraConnection
metadata:
  name: {CONNECTION}
spec:
  tenantId: {HOME_TENANT}
  credential:
    workloadIdentity: # the operator's own service account token
      clientId: {OPERATOR_APP}
  endpoints: # of the simulated Azure; honoured because this operator was started with --allow-endpoints
    login: $login
    graph: $graph
    arm: $arm
  rules:
  - namespaces:
      names: [{NAMESPACE}]
    targets:
      applications: [{READER_APP}]
    federatedCredentials:
    - issuer: cluster
      subjects: ["system:serviceaccount:{{namespace}}:*"]
    - issuer: https://token.actions.githubusercontent.com
      subjects: ["repo:contoso/web:**"]
    - managedIdentities: [{WEB_IDENTITY}]
""")

_WORKLOADS = f"""\
# Where the workload lives: {TRUSTED} is to be trusted, {UNTRUSTED} is not.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {TRUSTED}
  namespace: {NAMESPACE}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {UNTRUSTED}
  namespace: {NAMESPACE}
"""

_FEDERATION = f"""\
apiVersion: entrafed.io/v1beta1
kind: ManagedIdentityFederation
metadata:
  name: {FEDERATION}
  namespace: {NAMESPACE}
spec:
  connectionRef:
    name: {CONNECTION}
  target:
    application:
      clientId: {READER_APP}
  federatedCredentials:
  - name: pods
    serviceAccount:
      name: {TRUSTED}
  - name: vm
    managedIdentity:
      resourceId: {WEB_IDENTITY}
  - name: ci
    githubActions: {{repository: contoso/web, environment: prod}}
"""


def write_manifests(folder: Path, endpoints: Mapping[str, str]) -> None:
    """Write all into `folder`; `endpoints` are those of azure.json."""
    private_folder(folder)
    (folder / "connection.yaml").write_text(_CONNECTION.substitute(endpoints))
    (folder / "accounts.yaml").write_text(_WORKLOADS)
    (folder / "federation.yaml").write_text(_FEDERATION)
