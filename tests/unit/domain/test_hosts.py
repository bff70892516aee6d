"""What a change of a host's identities sends: that and no more, whichever way the host merges it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrafed.domain.hosts import HOST_TYPES, Host, HostIdentity, HostPath, Merging, identity_block

GROUP = "/subscriptions/s/resourceGroups/web"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/Web-1"
SITE = f"{GROUP}/providers/Microsoft.Web/sites/web"
APP = f"{GROUP}/providers/Microsoft.App/containerApps/web"
IDENTITY = "/subscriptions/s/resourceGroups/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"


def spelled(name: str) -> str:
    return f"{IDENTITY}{name}"


def key(name: str) -> str:
    return spelled(name).lower()


def host(resource_id: str, *names: str, system: bool = False) -> Host:
    identities = tuple(HostIdentity(spelled(name), "principal", "client") for name in names)
    return Host(HostPath.parse(resource_id), system, identities)


@pytest.mark.parametrize(
    ("resource_id", "kind"),
    [
        (VM, "microsoft.compute/virtualmachines"),
        (f"{SITE}/slots/blue/", "microsoft.web/sites/slots"),
        (f" {APP}", "microsoft.app/containerapps"),
    ],
)
def test_a_host_is_read_off_its_id(resource_id: str, kind: str) -> None:
    path = HostPath.parse(resource_id)
    assert (path.type.name, path.subscription) == (kind, "s")
    assert path.key == resource_id.strip().rstrip("/").lower()


@pytest.mark.parametrize(
    ("resource_id", "said"),
    [
        (f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks", "takes no identity by itself"),
        (f"{GROUP}/providers/Microsoft.ContainerInstance/containerGroups/aci", "takes no identity by itself"),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web/extensions/x", "takes no identity by itself"),
        (GROUP, "is not the resource id"),
        ("", "is not the resource id"),
        (f"{VM}/", ""),
        (f"{VM}//x/y", "is not the resource id"),
        ("/subscriptions/s/resourceGroups/g/providers/../../x/y", "is not the resource id"),
        (f"{GROUP}/providers/Microsoft.Web/sites/..", "is not the resource id"),
        (f"{SITE}?x=y", "is not the resource id"),
        (f"{GROUP}/providers/Microsoft.X/y/" + "z" * 100_000, "takes no identity by itself"),
    ],
)
def test_what_is_no_host_is_refused_in_words(resource_id: str, said: str) -> None:
    if not said:
        HostPath.parse(resource_id)
        return
    with pytest.raises(ValueError, match=said):
        HostPath.parse(resource_id)


def test_a_virtual_machine_is_sent_only_what_changes() -> None:
    there = host(VM, "a", "b")
    assert identity_block(there, add=[key("c")]) == {
        "type": "UserAssigned",
        "userAssignedIdentities": {key("c"): {}},
    }
    assert identity_block(there, remove=[key("a")]) == {
        "type": "UserAssigned",
        "userAssignedIdentities": {spelled("a"): None},
    }


def test_what_may_replace_is_also_sent_what_is_to_stay_in_the_hosts_own_spelling() -> None:
    there = host(SITE, "Kept", "gone")
    assert identity_block(there, add=[key("new")], remove=[key("gone")]) == {
        "type": "UserAssigned",
        "userAssignedIdentities": {spelled("Kept"): {}, key("new"): {}, spelled("gone"): None},
    }


def test_the_hosts_own_identity_stays_in_the_spelling_of_its_provider() -> None:
    assert identity_block(host(VM, system=True), add=[key("a")])["type"] == "SystemAssigned, UserAssigned"
    assert identity_block(host(APP, system=True), add=[key("a")])["type"] == "SystemAssigned,UserAssigned"


def test_the_last_identity_leaves_no_map() -> None:
    assert identity_block(host(VM, "a"), remove=[key("a")]) == {"type": "None"}
    assert identity_block(host(SITE, "a", system=True), remove=[key("a")]) == {"type": "SystemAssigned"}


def patched(there: Host, block: dict[str, object], *, merges: bool) -> set[str]:
    """What a host holds after a PATCH, by either reading of the documentation."""
    sent = block.get("userAssignedIdentities")
    if not isinstance(sent, dict):
        return set()
    kept = {one.key for one in there.identities} if merges else set()
    named = {spelled_.lower() for spelled_ in sent}
    return (kept - named) | {name.lower() for name, value in sent.items() if value is not None}


names = st.sampled_from(("a", "B", "c", "D", "e"))


@given(
    st.sampled_from(sorted(HOST_TYPES)),
    st.frozensets(names),
    st.frozensets(names),
    st.frozensets(names),
    st.booleans(),
)
def test_whatever_is_added_and_removed_the_rest_stays(
    kind: str, there: frozenset[str], add: frozenset[str], remove: frozenset[str], system: bool
) -> None:
    provider, *types = kind.split("/")
    before = host(f"{GROUP}/providers/{provider}" + "".join(f"/{one}/x" for one in types), *there, system=system)
    block = identity_block(before, add=[key(n) for n in add - remove], remove=[key(n) for n in remove])
    wanted = {key(name) for name in (there | add) - remove}
    replaces = [True, False] if before.path.type.merging is Merging.UNKNOWN else [True]
    for merges in replaces:
        assert patched(before, block, merges=merges) == wanted
    assert str(block["type"]).startswith("SystemAssigned") is system
    assert ("UserAssigned" in str(block["type"]).replace("SystemAssigned", "")) is bool(wanted)
