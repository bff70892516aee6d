"""Waiting a moment with a change, for what can be made by the same request."""

from dataclasses import dataclass


@dataclass(slots=True)
class Gathering:
    """Of one parent. Times are monotonic seconds, durations seconds."""

    _since: float | None = None

    def goes_on(self, is_more_to_come: bool, now: float, longest: float) -> bool:
        """Whether to wait on; never for longer than `longest`, whatever is still to come."""
        if not is_more_to_come:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        if now - self._since < longest:
            return True
        self._since = None
        return False
