"""Words in which a status says how something stands, and who made it."""

from enum import StrEnum


class ItemState(StrEnum):
    """How an item of the spec stands."""

    PENDING = "Pending"
    """Work is under way, or waits for something that is expected to come."""
    SYNCED = "Synced"
    """What the item asks for stands, exactly."""
    CONFLICT = "Conflict"
    """Somebody else holds what the item asks for, with other content."""
    DENIED = "Denied"
    """No rule of the connection allows it."""
    DRIFTED = "Drifted"
    """Somebody else changed it, and `driftPolicy` is Report."""
    FAILED = "Failed"
    """A person must act: edit the spec, or grant a right."""

    @classmethod
    def _missing_(cls, value: object) -> "ItemState | None":
        """A state that a newer operator wrote is not known here yet: look again."""
        return cls.PENDING if isinstance(value, str) else None


class Origin(StrEnum):
    """Who made a thing in Azure."""

    OPERATOR = "Operator"
    """Made by the operator, and removed by it."""
    PRE_EXISTING = "PreExisting"
    """Found there, equal to what is asked for: never changed, never removed."""

    @classmethod
    def _missing_(cls, value: object) -> "Origin | None":
        """An origin that a newer operator wrote is not known here yet: to leave it alone is safe."""
        return cls.PRE_EXISTING if isinstance(value, str) else None


class CredentialState(StrEnum):
    """Why a credential stands."""

    STANDING = "Standing"
    """The item asks for it."""
    RETIRING = "Retiring"
    """It trusts an issuer that the cluster had before, whose last tokens are still good."""
    REMAINING = "Remaining"
    """Nothing that is allowed asks for it any more: it is being removed, or kept for a while."""

    @classmethod
    def _missing_(cls, value: object) -> "CredentialState | None":
        """A state that a newer operator wrote is not known here yet: look again."""
        return cls.REMAINING if isinstance(value, str) else None


class OutputKind(StrEnum):
    """What the operator writes to in the cluster."""

    SERVICE_ACCOUNT = "ServiceAccount"
    CONFIG_MAP = "ConfigMap"
