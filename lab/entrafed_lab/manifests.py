"""Manifests that fit one lab: connections to its simulated tenants, and a first ManagedIdentityFederation.

All name objects of the default seed. Applied together, the last one is what the federation comes to.
"""

from collections.abc import Mapping
from pathlib import Path
from string import Template

from .azure.seed import (
    API_IDENTITY,
    API_VM,
    HOME_TENANT,
    OPERATOR_APP,
    PARTNER_TENANT,
    READER_APP,
    STORAGE_ACCOUNT,
    WEB_SITE,
)
from .controlplane.private_files import private_folder

CONNECTION = "contoso"
PARTNER = "fabrikam"
"""The connection to the partner's tenant."""
NAMESPACE = "payments"
FEDERATION = "storage-reader"
TRUSTED = "web"
"""The service account that the federation trusts."""
UNTRUSTED = "batch"
"""Another of the same namespace, which nobody trusts."""
IDENTITY = "api"
"""Assigned to nothing at first."""
HOST = "api-vm"
SITE = "web-site"
"""The virtual machine and the App Service that the identity is assigned to."""
ROLE = "Storage Blob Data Reader"

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
    - managedIdentities: [{API_IDENTITY}]
    identityAssignments:
    - managedIdentities: [{API_IDENTITY}]
      resources: [{API_VM}, {WEB_SITE}]
    roleAssignments:
    - roles: [{ROLE}]
      scopes: [{STORAGE_ACCOUNT}]
    tenants: [{PARTNER_TENANT}]
""")

_PARTNER = Template(f"""\
# The partner's tenant, and which applications may have a service principal there: both connections must allow it.
apiVersion: entrafed.io/v1beta1
kind: EntraConnection
metadata:
  name: {PARTNER}
spec:
  tenantId: {PARTNER_TENANT}
  credential:
    workloadIdentity: # the operator is there already: an administrator of the partner let it in
      clientId: {OPERATOR_APP}
  endpoints:
    login: $login
    graph: $graph
    arm: $arm
  rules:
  - namespaces:
      names: [{NAMESPACE}]
    targets:
      applications: [{READER_APP}]
    tenants: [{PARTNER_TENANT}]
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
      resourceId: {API_IDENTITY}
  - name: ci
    githubActions: {{repository: contoso/web, environment: prod}}
"""

_ASSIGNMENTS = f"""\
{_FEDERATION}\
  identityAssignments: # what runs there can sign in as the identity
  - name: api
    managedIdentity:
      resourceId: {API_IDENTITY}
    resources:
    - {API_VM}
    - {WEB_SITE}
  roleAssignments: # what the app may do in Azure
  - name: blobs
    role: {ROLE}
    scope: {STORAGE_ACCOUNT}
  tenants: # where else it can sign in
  - tenantId: {PARTNER_TENANT}
    connectionRef:
      name: {PARTNER}
    deletionPolicy: Delete # with the object, and all that the partner has granted to it
"""


def write_manifests(folder: Path, endpoints: Mapping[str, str]) -> None:
    """Write all into `folder`; `endpoints` are those of azure.json."""
    private_folder(folder)
    (folder / "connection.yaml").write_text(_CONNECTION.substitute(endpoints))
    (folder / "accounts.yaml").write_text(_WORKLOADS)
    (folder / "federation.yaml").write_text(_FEDERATION)
    (folder / "hosts-roles-tenants.yaml").write_text(_ASSIGNMENTS)
    (folder / "partner.yaml").write_text(_PARTNER.substitute(endpoints))
