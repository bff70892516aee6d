"""The `identity` of a PATCH: what it may say, and which identities a host is to have afterwards.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/qs-configure-rest-vm, and for
what stands on no page the reports that are named.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final

from entrafed_lab.azure.arm.errors import invalid_parameter
from entrafed_lab.azure.exchange import Refused
from entrafed_lab.azure.seed import IDENTITY_ID

AT_ONCE: Final = 150
"""Identities in one request. Source: https://github.com/Azure/bicep/issues/16559"""

Entries = Mapping[str, Mapping[str, object]]
"""Identities as a host shows them, by their resource id in lower case."""

_TYPES: Final = {"none": frozenset[str](), "systemassigned": frozenset({"system"}), "userassigned": frozenset({"user"})}


@dataclass(frozen=True, slots=True)
class Block:
    """What a PATCH says. Keys are spelled as it spells them."""

    system: bool
    user: bool
    given: tuple[str, ...] = ()
    """Identities that are to be there."""
    removed: tuple[str, ...] = ()
    """Identities that are to go: those with null."""

    def cut(self, size: int) -> "Block":
        """The first so many identities."""
        given = self.given[:size]
        return Block(self.system, self.user, given, self.removed[: size - len(given)])


def read_block(value: object, shown: Entries) -> Block:
    """Raises `Refused` for what no provider takes."""
    if not isinstance(value, dict):
        raise invalid_parameter("The value of parameter identity is invalid.")
    types = _types(value.get("type"))
    entries = value.get("userAssignedIdentities") or {}
    if not isinstance(entries, dict):
        raise invalid_parameter("The value of parameter identity.userAssignedIdentities is invalid.")
    if entries and "user" not in types:
        raise invalid_parameter(
            f'ResourceIdentity identityIds should not be provided if the type is "{value["type"]}".'
        )
    _check_keys(tuple(entries))
    _check_values(entries, shown)
    return Block(
        system="system" in types,
        user="user" in types,
        given=tuple(key for key, content in entries.items() if content is not None),
        removed=tuple(key for key, content in entries.items() if content is None),
    )


def afterwards(block: Block, attached: Set[str], *, merge: bool) -> frozenset[str]:
    """Which identities are there when it is done, by resource id in lower case; raises `Refused` when none is left."""
    if not block.user:
        return frozenset()
    left = {key.lower() for key in block.given}
    if merge:
        left |= attached - {key.lower() for key in block.removed}
    if not left:
        message = "The identity ids must not be null or empty for 'UserAssigned' identity type."
        raise Refused(400, "MissingIdentityIds", message)
    return frozenset(left)


def _types(value: object) -> frozenset[str]:
    if not isinstance(value, str):
        raise invalid_parameter("Required parameter 'identity.type' is missing (null).")
    names = [name.strip().lower() for name in value.split(",")]
    if not set(names) <= set(_TYPES):
        raise invalid_parameter(f"The value '{value}' of parameter identity.type is invalid.")
    return frozenset[str]().union(*(_TYPES[name] for name in names))


def _check_keys(keys: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for key in keys:
        if IDENTITY_ID.fullmatch(key) is None:
            raise Refused(
                400,
                "LinkedInvalidPropertyId",
                f"Property id '{key}' at path 'identity.userAssignedIdentities' is invalid. Expect fully qualified "
                "resource Id that start with '/subscriptions/{subscriptionId}' or "
                "'/providers/{resourceProviderNamespace}/'.",
            )
        if key.lower() in seen:  # source: https://github.com/Azure/aad-pod-identity/issues/556
            raise invalid_parameter(
                f"ResourceIdentity identityId '{key}' cannot be duplicated in the provided identityIds list."
            )
        seen.add(key.lower())


def _check_values(entries: Mapping[str, object], shown: Entries) -> None:
    wrong = [key for key, content in entries.items() if content not in (None, {}, shown.get(key.lower(), {}))]
    if wrong:
        raise Refused(
            400,
            "InvalidIdentityValues",
            f"Invalid value for the identities '{','.join(wrong)}'. The 'UserAssignedIdentities' property keys should "
            "only be empty json objects, null or the resource exisiting property.",
        )
