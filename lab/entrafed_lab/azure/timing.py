"""How slow and how strict the simulated Azure is. Everything is in seconds, and scalable as a whole."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

Clock = Callable[[], float]
"""Wall clock: seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long things take to be true everywhere. Microsoft says "minutes" without a bound; these are our guesses.

    Every value is multiplied by `scale`; 0 turns all of them off.
    """

    replica_lag: float = 5.0
    """How far one of the two Graph replicas is behind the other."""
    propagation: float = 20.0
    """Until every node of the token endpoint has seen a new or deleted credential."""
    negative_cache: float = 10.0
    """How long a token endpoint repeats that it found no matching credential."""
    operation: float = 0.3
    """How long a write lasts, so that two of them can overlap."""
    identity_replication: float = 10.0
    """Until a new user-assigned identity can carry credentials."""
    host_operation: float = 4.0
    """How long a machine or an app takes to get or lose an identity."""
    attachment: float = 5.0
    """Until the token endpoint of a host knows an identity that was assigned to it."""
    role_effect: float = 6.0
    """Until a role that was given or taken away is so everywhere."""
    principal_replication: float = 6.0
    """Until Resource Manager finds a new principal in the directory."""
    key_cache: float = 300.0
    """How long the keys of an external issuer are remembered."""
    scale: float = 1.0

    @classmethod
    def none(cls) -> Self:
        """Everything is true at once."""
        return cls(scale=0.0)

    def effective(self) -> Self:
        """The same delays with the scale applied."""
        times = {field.name: getattr(self, field.name) * self.scale for field in fields(self)}
        return replace(self, **{**times, "scale": 1.0})


@dataclass(frozen=True, slots=True)
class Rates:
    """How much Azure takes before it answers 429. With scale 100 every budget refills a hundred times as fast.

    Scale None turns throttling off. Above scale 1 `Retry-After` carries fractions of a second, which Azure never does.
    """

    scale: float | None = 1.0

    @classmethod
    def off(cls) -> Self:
        return cls(scale=None)
