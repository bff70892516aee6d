"""What Resource Manager checks before a resource provider sees a request: rights, groups, registration, locks, policy.

Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.routes import MANAGED_IDENTITY, Kind
from entrafed_lab.azure.exchange import Caller, Refused, parse_object
from entrafed_lab.azure.objects import Lock
from entrafed_lab.azure.seed import PolicySeed
from entrafed_lab.azure.world import World


class Admission:
    """Raises `Refused` for what may not be done."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, request: ArmRequest) -> None:
        if request.kind is Kind.HOST_OPERATION:
            return  # whoever knows the address may look
        self._check_access(request)
        if request.kind is Kind.PROVIDER:
            return
        self._check_group(request)
        self._check_registered(request)
        self._check_locks(request)
        self._check_policies(request)

    def may(self, caller: Caller, action: str, scope: str) -> bool:
        """Whether the caller has the right to an action at a scope."""
        return any(
            _allows(access.actions, action)
            for access in self._world.access
            if access.principal_id == caller.object_id and _covers(access.scope, scope)
        )

    def _check_access(self, request: ArmRequest) -> None:
        """A subscription that does not exist is a scope where nobody may do anything."""
        known = request.subscription_id in self._world.subscriptions
        if not known or not self.may(request.caller, request.action, request.scope):
            raise Refused(
                403,
                "AuthorizationFailed",
                f"The client '{request.caller.app_id}' with object id '{request.caller.object_id}' does not have "
                f"authorization to perform action '{request.action}' over scope '{request.scope}' or the scope is "
                "invalid. If access was recently granted, please refresh your credentials.",
            )

    def _check_group(self, request: ArmRequest) -> None:
        subscription = self._world.subscriptions[request.subscription_id]
        if request.group is not None and subscription.resource_group(request.group) is None:
            raise Refused(404, "ResourceGroupNotFound", f"Resource group '{request.group}' could not be found.")

    def _check_registered(self, request: ArmRequest) -> None:
        registered = self._world.subscriptions[request.subscription_id].registered
        if request.namespace == MANAGED_IDENTITY and not registered:
            raise Refused(
                409,
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{MANAGED_IDENTITY}'. "
                "See https://aka.ms/rps-not-found for how to register subscriptions.",
            )

    def _check_locks(self, request: ArmRequest) -> None:
        locks = [
            lock.scope for lock in self._world.locks if _covers(lock.scope, request.path) and _stops(lock, request)
        ]
        if locks:
            operation = "delete" if request.method == "DELETE" else "write"
            raise Refused(
                409,
                "ScopeLocked",
                f"The scope '{request.path}' cannot perform {operation} operation because following scope(s) are "
                f"locked: '{','.join(locks)}'. Please remove the lock and try again.",
            )

    def _check_policies(self, request: ArmRequest) -> None:
        if request.kind is not Kind.CREDENTIAL or request.method != "PUT":
            return
        issuer = _issuer(request.body)
        for policy in self._policies_at(request.path):
            if issuer is not None and not any(fnmatchcase(issuer, pattern) for pattern in policy.allowed_issuers):
                assignment = f"{policy.scope}/providers/Microsoft.Authorization/policyAssignments/{policy.name}"
                identifiers = json.dumps([{"policyAssignment": {"name": policy.name, "id": assignment}}])
                raise Refused(
                    403,
                    "RequestDisallowedByPolicy",
                    f"Resource '{request.name}' was disallowed by policy. Policy identifiers: '{identifiers}'.",
                )

    def _policies_at(self, path: str) -> Iterator[PolicySeed]:
        return (policy for policy in self._world.policies if _covers(policy.scope, path))


def _covers(scope: str, path: str) -> bool:
    """Whether a path is a scope or below it."""
    return f"{path.lower()}/".startswith(f"{scope.lower().rstrip('/')}/")


def _allows(actions: tuple[str, ...], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in actions)


def _stops(lock: Lock, request: ArmRequest) -> bool:
    if request.method == "GET":
        return False
    return lock.level == "ReadOnly" or request.method == "DELETE"


def _issuer(body: bytes) -> str | None:
    properties = (parse_object(body) or {}).get("properties")
    issuer = properties.get("issuer") if isinstance(properties, dict) else None
    return issuer if isinstance(issuer, str) else None
