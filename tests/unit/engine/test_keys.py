"""Which runs may wait for the same budgets of Azure."""

from entrafed.domain.credentials import Parent, ParentKind
from entrafed.engine.keys import ConnectionKey, FederationKey, waits_with
from unit.domain.federations import IDENTITY, OBJECT, OTHER_TENANT, TENANT, federation

APP = Parent(ParentKind.APPLICATION, TENANT, OBJECT)
NEIGHBOUR, ELSEWHERE = (
    Parent(ParentKind.MANAGED_IDENTITY, TENANT, f"/subscriptions/{subscription}/resourcegroups/g/{subscription}")
    for subscription in (TENANT, OTHER_TENANT)
)


def of(key: Parent) -> object:
    return waits_with(key, None)


def test_applications_of_a_tenant_wait_together() -> None:
    other = Parent(ParentKind.APPLICATION, TENANT, "other")
    assert of(APP) == of(other) != of(Parent(ParentKind.APPLICATION, OTHER_TENANT, "other"))


def test_identities_of_a_subscription_wait_together_and_with_no_application() -> None:
    same = Parent(ParentKind.MANAGED_IDENTITY, TENANT, f"/subscriptions/{TENANT}/resourcegroups/h/i")
    assert of(same) == of(NEIGHBOUR)
    assert len({of(NEIGHBOUR), of(ELSEWHERE), of(APP)}) == 3


def test_hosts_wait_with_no_identity() -> None:
    assert of(Parent(ParentKind.HOST, TENANT, NEIGHBOUR.id)) != of(NEIGHBOUR)


def test_objects_of_a_connection_wait_together_by_what_their_targets_are() -> None:
    key = FederationKey("any")
    identity = {"managedIdentity": {"resourceId": IDENTITY}}
    on_app, on_identity = federation(), federation(target=identity)
    of_partner = federation(connectionRef={"name": "partner"})
    groups = [waits_with(key, one) for one in (on_app, federation(name="b"), on_identity, of_partner, None)]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 4


def test_connections_wait_for_nobody() -> None:
    assert waits_with(ConnectionKey("a"), None) != waits_with(ConnectionKey("b"), None)
