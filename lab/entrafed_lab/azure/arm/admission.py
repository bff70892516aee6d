"""What Resource Manager checks before a resource provider sees a request: rights, groups, registration, locks, policy.

Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.role_requests import existing, read_wish, requested
from entrafed_lab.azure.arm.routes import MANAGED_IDENTITY, Kind
from entrafed_lab.azure.conditions import Attributes
from entrafed_lab.azure.exchange import Caller, Refused, parse_object
from entrafed_lab.azure.objects import Lock
from entrafed_lab.azure.rights import Right, right_to
from entrafed_lab.azure.roles import covers
from entrafed_lab.azure.seed import PolicySeed
from entrafed_lab.azure.world import World


class Admission:
    """Raises `Refused` for what may not be done."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, request: ArmRequest) -> None:
        if request.kind is Kind.HOST_OPERATION:
            return  # whoever knows the address may look
        if request.kind is Kind.ROLE_DEFINITION and not request.root:
            return  # built-in roles are the same for everybody
        self._check_access(request)
        if request.kind is Kind.PROVIDER:
            return
        self._check_group(request)
        self._check_registered(request)
        self._check_locks(request)
        self._check_policies(request)

    def may(self, caller: Caller, action: str, scope: str) -> bool:
        """Whether the caller has the right to an action at a scope."""
        return right_to(self._world, caller.object_id, action, scope) is Right.GIVEN

    def _check_access(self, request: ArmRequest) -> None:
        """A subscription that does not exist is a scope where nobody may do anything."""
        known = request.subscription_id in self._world.subscriptions
        attributes = self._attributes(request)
        right = right_to(self._world, request.caller.object_id, request.action, request.scope, attributes)
        if known and right is Right.GIVEN:
            return
        having = "does not have authorization"
        if right is Right.OUTSIDE_CONDITION:
            having = "has an authorization with ABAC condition that is not fulfilled"
        raise Refused(
            403,
            "AuthorizationFailed",
            f"The client '{request.caller.app_id}' with object id '{request.caller.object_id}' {having} to perform "
            f"action '{request.action}' over scope '{request.scope}' or the scope is invalid. If access was recently "
            "granted, please refresh your credentials.",
        )

    def _attributes(self, request: ArmRequest) -> Attributes | None:
        """What conditions of the caller's own roles may ask about the role that it gives or takes away."""
        if request.kind is not Kind.ROLE_ASSIGNMENT or request.name is None:
            return {}
        if request.method == "PUT":
            return requested(read_wish(request.body))
        subscription = self._world.subscriptions.get(request.subscription_id)
        tenant_id = "" if subscription is None else subscription.tenant_id
        found = self._world.roles.assignments.get((tenant_id, request.name.lower()))
        return None if found is None else existing(found)

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
        locks = [lock.scope for lock in self._world.locks if covers(lock.scope, request.path) and _stops(lock, request)]
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
        return (policy for policy in self._world.policies if covers(policy.scope, path))


def _stops(lock: Lock, request: ArmRequest) -> bool:
    if request.method == "GET":
        return False
    return lock.level == "ReadOnly" or request.method == "DELETE"


def _issuer(body: bytes) -> str | None:
    properties = (parse_object(body) or {}).get("properties")
    issuer = properties.get("issuer") if isinstance(properties, dict) else None
    return issuer if isinstance(issuer, str) else None
