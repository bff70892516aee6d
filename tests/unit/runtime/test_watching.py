"""What watch events become for the engine."""

from typing import Any

import pytest

from entrafed.api.connection import Connection
from entrafed.api.federation import Federation
from entrafed.api.metadata import Metadata
from entrafed.domain.rules import Namespace
from entrafed.runtime.watching import Feed
from kube_world import connection, federation


class Heard:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def saw_federation(self, federation: Federation) -> None:
        self.calls.append(("federation", federation.metadata.uid))

    def federation_gone(self, uid: str) -> None:
        self.calls.append(("federation_gone", uid))

    def saw_connection(self, connection: Connection) -> None:
        self.calls.append(("connection", connection.metadata.name))

    def connection_gone(self, name: str) -> None:
        self.calls.append(("connection_gone", name))

    def saw_namespace(self, namespace: Namespace) -> None:
        ends = ("ends",) if namespace.is_ending else ()
        self.calls.append(("namespace", namespace.name, *sorted(namespace.labels.values()), *ends))

    def namespace_gone(self, name: str) -> None:
        self.calls.append(("namespace_gone", name))

    def saw_invalid(self, metadata: Metadata, message: str) -> None:
        self.calls.append(("invalid", metadata.uid, message))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def feed(heard: Heard) -> Feed:
    return Feed(heard)


def stored(manifest: dict[str, Any], uid: str) -> dict[str, Any]:
    known = {"uid": uid, "generation": 1, "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**manifest, "metadata": {**manifest["metadata"], **known}}


@pytest.mark.parametrize("change", [None, "ADDED", "MODIFIED"])
def test_a_federation_is_told_however_it_came(change: str | None, feed: Feed, heard: Heard) -> None:
    feed.federation(change, stored(federation("payments", "web"), "u-1"))

    assert heard.calls == [("federation", "u-1")]


def test_a_federation_that_is_gone_is_told_by_its_uid(feed: Feed, heard: Heard) -> None:
    feed.federation("DELETED", stored(federation("payments", "web"), "u-1"))

    assert heard.calls == [("federation_gone", "u-1")]


def test_an_unreadable_federation_is_told_with_what_is_wrong(feed: Feed, heard: Heard) -> None:
    feed.federation("ADDED", {**stored(federation("payments", "web"), "u-1"), "spec": {}})

    ((kind, uid, message),) = heard.calls
    assert (kind, uid) == ("invalid", "u-1")
    assert "spec.connectionRef" in message


def test_an_unreadable_federation_that_is_deleted_is_gone(feed: Feed, heard: Heard) -> None:
    feed.federation("DELETED", {**stored(federation("payments", "web"), "u-1"), "spec": {}})

    assert heard.calls == [("federation_gone", "u-1")]


def test_the_late_end_of_an_old_connection_does_not_end_the_new_one(feed: Feed, heard: Heard) -> None:
    feed.connection("ADDED", stored(connection("default"), "old"))
    feed.connection("ADDED", stored(connection("default"), "new"))
    feed.connection("DELETED", stored(connection("default"), "old"))

    assert heard.calls == [("connection", "default"), ("connection", "default")]


def test_the_end_of_a_connection_is_told(feed: Feed, heard: Heard) -> None:
    feed.connection("ADDED", stored(connection("default"), "u-1"))
    feed.connection("DELETED", stored(connection("default"), "u-1"))

    assert heard.calls[-1] == ("connection_gone", "default")


def test_a_namespace_is_told_with_its_labels(feed: Feed, heard: Heard) -> None:
    feed.namespace(None, {"metadata": {"name": "payments", "uid": "u-1", "labels": {"team": "red"}}})
    feed.namespace(None, {"metadata": {"name": "bare", "uid": "u-2"}})

    assert heard.calls == [("namespace", "payments", "red"), ("namespace", "bare")]


def test_a_namespace_that_is_being_deleted_is_told_as_such(feed: Feed, heard: Heard) -> None:
    feed.namespace("MODIFIED", {"metadata": {"name": "old", "uid": "u", "deletionTimestamp": "2026-01-31T12:00:00Z"}})

    assert heard.calls == [("namespace", "old", "ends")]


def test_the_late_end_of_an_old_namespace_does_not_end_the_new_one(feed: Feed, heard: Heard) -> None:
    feed.namespace(None, {"metadata": {"name": "payments", "uid": "old"}})
    feed.namespace("ADDED", {"metadata": {"name": "payments", "uid": "new"}})
    feed.namespace("DELETED", {"metadata": {"name": "payments", "uid": "old"}})

    assert ("namespace_gone", "payments") not in heard.calls
