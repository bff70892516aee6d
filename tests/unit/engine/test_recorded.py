"""What a status records is the operator's memory, and a text that a hand may have written: it is read as both."""

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.asks import Stance
from entrafed.domain.credentials import Pair, Parent, ParentKind
from entrafed.engine.recorded import pinned_target, records_of
from unit.domain.federations import (
    CLIENT,
    IDENTITY,
    ISSUER,
    OBJECT,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import (
    OTHER_OBJECT,
    PINNED,
    Admitting,
    reason,
    record,
    row,
    status,
)


def test_only_what_the_operator_made_is_a_record() -> None:
    one = federation(status=status(row("a", record("x", "a"), record("y", "b", origin="PreExisting"))))
    assert [(r.item, r.name, r.trust.pair) for r in records_of(one)] == [("a", "x", Pair(ISSUER, "job-a"))]


@pytest.mark.parametrize(
    "target",
    [
        None,
        {"clientId": CLIENT},
        {**PINNED, "objectId": "../groups/all"},
        {**PINNED, "objectId": f"{OBJECT}/owners"},
        {**PINNED, "tenantId": "common"},
        {**PINNED, "objectId": None, "resourceId": "/subscriptions/x"},
        {**PINNED, "objectId": None, "resourceId": f"{IDENTITY}?api-version=2023-01-31"},
    ],
)
def test_a_status_that_names_no_target_of_ours_pins_none(target: Manifest | None) -> None:
    assert pinned_target(federation(status=status(target=target))) is None


@pytest.mark.parametrize("shouted", [False, True])
def test_a_recorded_target_is_the_parent_that_azure_would_name(shouted: bool) -> None:
    def spelled(text: str) -> str:
        return text.upper() if shouted else text

    app = federation(status=status(target={key: spelled(value) for key, value in PINNED.items()}))
    identity = {"clientId": CLIENT, "principalId": OBJECT, "tenantId": TENANT, "resourceId": spelled(IDENTITY)}
    uami = federation(status=status(target=identity))
    pinned = pinned_target(app), pinned_target(uami)
    assert [one.parent for one in pinned if one] == [
        Parent(ParentKind.APPLICATION, TENANT, OBJECT),
        Parent(ParentKind.MANAGED_IDENTITY, TENANT, IDENTITY),
    ]


async def test_a_target_that_a_hand_recorded_is_not_believed_against_azure() -> None:
    """Whoever may write a status could else have another target cleaned of what is ours, or written to."""
    world = Admitting()
    forged = status(target={**PINNED, "objectId": OTHER_OBJECT})
    admission = await world.admit(federation(oidc("a"), status=forged))
    assert reason(admission) is Reason.TARGET_REPLACED
    assert admission.ask is not None
    assert (admission.ask.stance, admission.ask.wanted) == (Stance.KEEP, frozenset())
