"""Azure's built-in roles, as far as workloads are commonly given them: real names and ids.

Names and ids are from https://learn.microsoft.com/azure/role-based-access-control/built-in-roles. Permissions are
abridged to what is asked for somewhere in the simulation, or says what the role is about.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """A role. `id` is a GUID; actions may hold `*`."""

    id: str
    name: str
    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    custom: bool = False


_AUTHORIZATION_READ: Final = "Microsoft.Authorization/*/read"
_GROUPS_READ: Final = "Microsoft.Resources/subscriptions/resourceGroups/read"
_BLOBS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers"
_QUEUES: Final = "Microsoft.Storage/storageAccounts/queueServices/queues"
_TABLES: Final = "Microsoft.Storage/storageAccounts/tableServices/tables"
_DELEGATION: Final = "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"
_VAULTS: Final = "Microsoft.KeyVault/vaults"
_IDENTITIES: Final = "Microsoft.ManagedIdentity/userAssignedIdentities"
_CREDENTIALS: Final = f"{_IDENTITIES}/federatedIdentityCredentials"
_CLUSTERS: Final = "Microsoft.ContainerService/managedClusters"


def _managing(role_id: str, name: str, *actions: str, not_actions: tuple[str, ...] = ()) -> RoleDefinition:
    """A role of the control plane; it reads roles and groups, as almost all of them do."""
    return RoleDefinition(role_id, name, (*actions, _AUTHORIZATION_READ, _GROUPS_READ), (), not_actions)


def _using(role_id: str, name: str, *data_actions: str, actions: tuple[str, ...] = ()) -> RoleDefinition:
    """A role of the data plane."""
    return RoleDefinition(role_id, name, actions, data_actions)


_PRIVILEGED = (
    RoleDefinition("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", ("*",)),
    RoleDefinition(
        "b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", ("*",), (),
        ("Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
         "Microsoft.Authorization/elevateAccess/Action"),
    ),
    RoleDefinition(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator",
        ("Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read"),
    ),
    RoleDefinition(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator", ("*/read", "Microsoft.Authorization/*")
    ),
    RoleDefinition("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", ("*/read",)),
)  # fmt: skip

_CONTROL = (
    _managing(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59", "Managed Identity Contributor",
        f"{_IDENTITIES}/read", f"{_IDENTITIES}/write", f"{_IDENTITIES}/delete",
        f"{_CREDENTIALS}/read", f"{_CREDENTIALS}/write", f"{_CREDENTIALS}/delete", f"{_IDENTITIES}/revokeTokens/action",
    ),
    _managing(
        "f1a07417-d97a-45cb-824c-7a7467783830", "Managed Identity Operator",
        f"{_IDENTITIES}/*/read", f"{_IDENTITIES}/*/assign/action",
    ),
    _managing(
        "9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "Virtual Machine Contributor",
        "Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachineScaleSets/*",
        "Microsoft.Compute/availabilitySets/*", "Microsoft.Compute/locations/*",
    ),
    _managing("4d97b98b-1d4f-4787-a291-c67834d212e7", "Network Contributor", "Microsoft.Network/*"),
    _managing("befefa01-2a29-4197-83a8-272ff33ce314", "DNS Zone Contributor", "Microsoft.Network/dnsZones/*"),
    _managing(
        "b12aa53e-6015-4669-85d0-8515ebb3ae7f", "Private DNS Zone Contributor", "Microsoft.Network/privateDnsZones/*"
    ),
    _managing(
        "de139f84-1756-47ae-9be6-808fbbe84772", "Website Contributor",
        "Microsoft.Web/sites/*", "Microsoft.Web/certificates/*", "Microsoft.Web/serverFarms/read",
        "Microsoft.Web/serverFarms/join/action",
    ),
    _managing("358470bc-b998-42bd-ab17-a7e34c199c0f", "Container Apps Contributor", "Microsoft.App/containerApps/*"),
    _managing("4e3d2b60-56ae-4dc6-a233-09c8e5a82e68", "Container Apps Jobs Contributor", "Microsoft.App/jobs/*"),
    _managing(
        "f353d9bd-d4a6-484e-a77a-8050b599b867", "Automation Contributor", "Microsoft.Automation/automationAccounts/*"
    ),
    _managing("87a39d53-fc1b-424a-814c-f7e04687dc9e", "Logic App Contributor", "Microsoft.Logic/*"),
    _managing(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab", "Storage Account Contributor", "Microsoft.Storage/storageAccounts/*"
    ),
    _managing("f25e0fa2-a7c8-4377-a976-54943a77a395", "Key Vault Contributor", "Microsoft.KeyVault/*"),
    _managing("ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8", "Azure Kubernetes Service Contributor Role", f"{_CLUSTERS}/*"),
    _managing("9b7fa17d-e63e-47b0-bb0a-15c516ac86ec", "SQL DB Contributor", "Microsoft.Sql/servers/databases/*"),
    RoleDefinition(
        "fbdf93bf-df7d-467e-a4d2-9458aa1360c8", "Cosmos DB Account Reader Role",
        ("Microsoft.DocumentDB/*/read", _AUTHORIZATION_READ),
    ),
    RoleDefinition(
        "7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPull", ("Microsoft.ContainerRegistry/registries/pull/read",)
    ),
    RoleDefinition(
        "8311e382-0749-4cb8-b61a-304f252e45ec", "AcrPush",
        ("Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write"),
    ),
    RoleDefinition(
        "4abbcc35-e782-43d8-92c5-2d3f1bd2253f", "Azure Kubernetes Service Cluster User Role",
        (f"{_CLUSTERS}/listClusterUserCredential/action", f"{_CLUSTERS}/read"),
    ),
    RoleDefinition(
        "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8", "Azure Kubernetes Service Cluster Admin Role",
        (f"{_CLUSTERS}/listClusterAdminCredential/action", f"{_CLUSTERS}/read"),
    ),
)  # fmt: skip

_STORAGE = (
    _using(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader", f"{_BLOBS}/blobs/read",
        actions=(f"{_BLOBS}/read", _DELEGATION),
    ),
    _using(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor",
        f"{_BLOBS}/blobs/read", f"{_BLOBS}/blobs/write", f"{_BLOBS}/blobs/delete", f"{_BLOBS}/blobs/move/action",
        f"{_BLOBS}/blobs/add/action", actions=(f"{_BLOBS}/read", f"{_BLOBS}/write", f"{_BLOBS}/delete", _DELEGATION),
    ),
    _using(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Storage Blob Data Owner", f"{_BLOBS}/blobs/*",
        actions=(f"{_BLOBS}/*", _DELEGATION),
    ),
    _using("db58b8e5-c6ad-4a2a-8342-4190687cbf4a", "Storage Blob Delegator", actions=(_DELEGATION,)),
    _using(
        "19e7f393-937e-4f77-808e-94535e297925", "Storage Queue Data Reader", f"{_QUEUES}/messages/read",
        actions=(f"{_QUEUES}/read",),
    ),
    _using(
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88", "Storage Queue Data Contributor",
        f"{_QUEUES}/messages/read", f"{_QUEUES}/messages/write", f"{_QUEUES}/messages/delete",
        f"{_QUEUES}/messages/process/action", actions=(f"{_QUEUES}/read", f"{_QUEUES}/write", f"{_QUEUES}/delete"),
    ),
    _using(
        "8a0f0c08-91a1-4084-bc3d-661d67233fed", "Storage Queue Data Message Processor",
        f"{_QUEUES}/messages/read", f"{_QUEUES}/messages/process/action",
    ),
    _using(
        "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", "Storage Queue Data Message Sender", f"{_QUEUES}/messages/add/action"
    ),
    _using(
        "76199698-9eea-4c19-bc75-cec21354c6b6", "Storage Table Data Reader", f"{_TABLES}/entities/read",
        actions=(f"{_TABLES}/read",),
    ),
    _using(
        "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Storage Table Data Contributor",
        f"{_TABLES}/entities/read", f"{_TABLES}/entities/write", f"{_TABLES}/entities/delete",
        actions=(f"{_TABLES}/read", f"{_TABLES}/write", f"{_TABLES}/delete"),
    ),
)  # fmt: skip

_SECRETS = (
    _using("00482a5a-887f-4fb3-b363-3b7fe8e74483", "Key Vault Administrator", f"{_VAULTS}/*"),
    _using(
        "21090545-7ca7-4776-b22c-e363652d74d2", "Key Vault Reader", f"{_VAULTS}/*/read",
        f"{_VAULTS}/secrets/readMetadata/action",
    ),
    _using(
        "4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User", f"{_VAULTS}/secrets/getSecret/action",
        f"{_VAULTS}/secrets/readMetadata/action",
    ),
    _using("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer", f"{_VAULTS}/secrets/*"),
    _using(
        "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba", "Key Vault Certificate User", f"{_VAULTS}/certificates/read",
        f"{_VAULTS}/secrets/getSecret/action", f"{_VAULTS}/keys/read",
    ),
    _using("a4417e6f-fecd-4de8-b567-7b0420556985", "Key Vault Certificates Officer", f"{_VAULTS}/certificates/*"),
    _using(
        "12338af0-0e69-4776-bea7-57ae8d297424", "Key Vault Crypto User", f"{_VAULTS}/keys/read",
        f"{_VAULTS}/keys/encrypt/action", f"{_VAULTS}/keys/decrypt/action", f"{_VAULTS}/keys/sign/action",
        f"{_VAULTS}/keys/verify/action", f"{_VAULTS}/keys/wrap/action", f"{_VAULTS}/keys/unwrap/action",
    ),
    _using("14b46e9e-c2b7-41b4-b07b-48a6ebf60603", "Key Vault Crypto Officer", f"{_VAULTS}/keys/*"),
)  # fmt: skip

_MESSAGES = (
    _using("f526a384-b230-433a-b45c-95f59c4a2dec", "Azure Event Hubs Data Owner", "Microsoft.EventHub/*"),
    _using(
        "a638d3c7-ab3a-418d-83e6-5f17a39d4fde", "Azure Event Hubs Data Receiver", "Microsoft.EventHub/*/receive/action"
    ),
    _using("2b629674-e913-4c01-ae53-ef4638d8f975", "Azure Event Hubs Data Sender", "Microsoft.EventHub/*/send/action"),
    _using("090c5cfd-751d-490a-894a-3ce6f1109419", "Azure Service Bus Data Owner", "Microsoft.ServiceBus/*"),
    _using(
        "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "Azure Service Bus Data Receiver",
        "Microsoft.ServiceBus/*/receive/action",
    ),
    _using(
        "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "Azure Service Bus Data Sender", "Microsoft.ServiceBus/*/send/action"
    ),
    _using("d5a91429-5739-47e2-a06b-3470a27159e7", "EventGrid Data Sender", "Microsoft.EventGrid/events/send/action"),
    _using(
        "516239f1-63e1-4d78-a4de-a74fb236a071", "App Configuration Data Reader",
        "Microsoft.AppConfiguration/configurationStores/*/read",
    ),
    _using(
        "5ae67dd6-50cb-40e7-96ff-dc2bfa4b606b", "App Configuration Data Owner",
        "Microsoft.AppConfiguration/configurationStores/*/read",
        "Microsoft.AppConfiguration/configurationStores/*/write",
        "Microsoft.AppConfiguration/configurationStores/*/delete",
    ),
    _using("420fcaa2-552c-430f-98ca-3264be4806c7", "SignalR App Server", "Microsoft.SignalRService/SignalR/*"),
    _using("fb879df8-f326-4884-b1cf-06f3ad86be52", "Virtual Machine User Login",
           "Microsoft.Compute/virtualMachines/login/action"),
    _using("1c0163c0-47e6-4577-8991-ea5c82e286e4", "Virtual Machine Administrator Login",
           "Microsoft.Compute/virtualMachines/login/action", "Microsoft.Compute/virtualMachines/loginAsAdmin/action"),
    _using("7f6c6a51-bcf8-42ba-9220-52d62157d7db", "Azure Kubernetes Service RBAC Reader", f"{_CLUSTERS}/*/read"),
    _using("a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb", "Azure Kubernetes Service RBAC Writer", f"{_CLUSTERS}/*"),
    _using("b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b", "Azure Kubernetes Service RBAC Cluster Admin", f"{_CLUSTERS}/*"),
)  # fmt: skip

BUILT_IN_ROLES: Final = (*_PRIVILEGED, *_CONTROL, *_STORAGE, *_SECRETS, *_MESSAGES)
PRIVILEGED_ROLES: Final = tuple(role.id for role in _PRIVILEGED if role.name not in {"Reader", "Contributor"})
"""Roles that can give roles."""
