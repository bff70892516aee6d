"""How often a parent was seen without anything of an object that leaves."""

from entrafed.engine.own_writes import NEVER


class EmptyLooks:
    """By uid, of one parent. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, float]] = {}

    def count(self, uid: str, quiet_at: float, looked_at: float) -> int:
        """Count the looks since `quiet_at` that showed nothing of an object, the last one included; each counts
        once."""
        if looked_at < quiet_at:
            return 0
        count, at = self._since.get(uid, (0, NEVER))
        if looked_at > at:
            count += 1
            self._since[uid] = (count, looked_at)
        return count

    def forget(self, uid: str) -> None:
        """Something of the object showed again."""
        self._since.pop(uid, None)
