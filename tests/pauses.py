"""When what Azure refused is tried again: the pauses that tests of its errors expect."""

from dataclasses import dataclass

from entrafed.engine.timing import Timing

TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Again:
    """Bounds of the first pause, in seconds."""

    least: float
    most: float


SOON = Again(0.4, 30)
"""With growing pauses; what looks like a list that lags is looked at again first."""
IN_TEN_SECONDS = Again(9.9, 15)
WHEN_THE_HOLDER_MAY_HAVE_CHANGED = Again(TIMING.conflict, TIMING.forbidden * 1.2)
WHEN_SOMEBODY_MAY_HAVE_ACTED = Again(TIMING.forbidden, TIMING.forbidden * 1.2)
