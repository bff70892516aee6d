"""All parents through one door, whatever is settled there: credentials, or assignments."""

from typing import Protocol

from entrafed.domain.credentials import Parent, ParentKind

CARRYING_CREDENTIALS = frozenset({ParentKind.APPLICATION, ParentKind.MANAGED_IDENTITY})


class Looks(Protocol):
    """When parents of some kinds are looked at; see `Lanes`."""

    def look_again(self, parent: Parent) -> None:
        """Somebody wants to know how things stand now."""
        ...

    def expect(self, parent: Parent, within: float) -> float:
        """A parent of an object that was healthy at the start: the answer is when to look, in seconds."""
        ...


class Settles(Protocol):
    """The verb *settle* for some kinds of parents."""

    @property
    def lanes(self) -> Looks: ...

    async def settle(self, parent: Parent) -> float | None:
        """Bring a parent to what is asked. The answer is when to settle it again, in seconds; None: when asked."""
        ...


class Parents:
    """Each kind is settled by its own: see `Settles` and `Looks`."""

    def __init__(self, *, credentials: Settles, assignments: Settles) -> None:
        self._credentials = credentials
        self._assignments = assignments

    async def settle(self, parent: Parent) -> float | None:
        return await self._of(parent).settle(parent)

    def look_again(self, parent: Parent) -> None:
        self._of(parent).lanes.look_again(parent)

    def expect(self, parent: Parent, within: float) -> float:
        return self._of(parent).lanes.expect(parent, within)

    def _of(self, parent: Parent) -> Settles:
        return self._credentials if parent.kind in CARRYING_CREDENTIALS else self._assignments
