"""The JSON patches that add and remove finalizers."""

import pytest

from entrafed.api.metadata import Metadata
from entrafed.kube.finalizers import adding, removing, replacing

OURS = "entrafed.io/cleanup"
UNCHANGED = {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}


def metadata(*finalizers: str) -> Metadata:
    return Metadata(
        name="web",
        namespace="payments",
        uid="u-1",
        generation=1,
        resource_version="7",
        creation_timestamp="2026-01-01T00:00:00Z",
        finalizers=finalizers,
    )


def test_the_first_finalizer_makes_the_list() -> None:
    assert adding(metadata(), OURS) == [UNCHANGED, {"op": "add", "path": "/metadata/finalizers", "value": [OURS]}]


def test_a_further_finalizer_goes_behind_those_of_others() -> None:
    assert adding(metadata("x/y"), OURS) == [UNCHANGED, {"op": "add", "path": "/metadata/finalizers/-", "value": OURS}]


def test_only_our_finalizer_is_removed() -> None:
    assert removing(metadata("x/y", OURS), OURS) == [UNCHANGED, {"op": "remove", "path": "/metadata/finalizers/1"}]


def test_a_finalizer_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(ValueError):
        removing(metadata("x/y"), OURS)


def test_all_finalizers_can_be_replaced() -> None:
    assert replacing(metadata(OURS), []) == [UNCHANGED, {"op": "add", "path": "/metadata/finalizers", "value": []}]
