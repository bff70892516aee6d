"""Where the configuration is taken from, and what is said when there is none."""

import time
from pathlib import Path

import pytest

from entrafed.kube.access import Access, Kubeconfig, NoAccess, ServiceAccount, source_of


def test_a_kubeconfig_that_is_named_wins() -> None:
    everything = {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    assert source_of(Path("/a"), everything) == Kubeconfig("/a")


def test_the_variable_wins_over_the_pods_own_account() -> None:
    assert source_of(None, {"KUBECONFIG": "/b", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == Kubeconfig("/b")


def test_a_pod_uses_its_own_account() -> None:
    assert source_of(None, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == ServiceAccount()


def test_elsewhere_the_users_kubeconfig_is_used() -> None:
    assert source_of(None, {}) == Kubeconfig(str(Path.home() / ".kube" / "config"))


@pytest.mark.parametrize("text", ["", "{", "[]", "clusters: 1", "kind: Config", "current-context: a\ncontexts: []"])
async def test_an_unusable_kubeconfig_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    with pytest.raises(NoAccess) as caught:
        await Access.open(Kubeconfig(str(path)), time.monotonic)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match="does not exist"):
        await Access.open(Kubeconfig(str(tmp_path / "nothing")), time.monotonic)
