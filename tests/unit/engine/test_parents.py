"""Each kind of parent is settled by its own."""

from dataclasses import dataclass, field

import pytest

from entrafed.domain.credentials import Parent, ParentKind
from entrafed.engine.parents import Parents


@dataclass
class Noting:
    asked: list[tuple[str, Parent]] = field(default_factory=list)

    @property
    def lanes(self) -> "Noting":
        return self

    async def settle(self, parent: Parent) -> float | None:
        self.asked.append(("settle", parent))
        return 1.0

    def look_again(self, parent: Parent) -> None:
        self.asked.append(("look again", parent))

    def expect(self, parent: Parent, within: float) -> float:
        self.asked.append(("expect", parent))
        return within


@pytest.mark.parametrize("kind", ParentKind)
async def test_credentials_and_assignments_are_settled_apart(kind: ParentKind) -> None:
    credentials, assignments = Noting(), Noting()
    parents, parent = Parents(credentials=credentials, assignments=assignments), Parent(kind, "t", "id")
    carries = kind in (ParentKind.APPLICATION, ParentKind.MANAGED_IDENTITY)
    mine, other = (credentials, assignments) if carries else (assignments, credentials)
    assert await parents.settle(parent) == 1.0
    parents.look_again(parent)
    assert parents.expect(parent, 60.0) == 60.0
    assert [verb for verb, _ in mine.asked] == ["settle", "look again", "expect"]
    assert other.asked == []
