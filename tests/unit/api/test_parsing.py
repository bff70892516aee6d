"""Reading what the API server gives: strict about what is known, deaf to what is not, silent about values."""

from typing import Any

import pytest

from entrafed.api.choices import DeletionPolicy, DriftPolicy
from entrafed.api.connection import parse_connection
from entrafed.api.federation import parse_federation
from entrafed.api.parsing import InvalidObject
from entrafed.api.states import ItemState, Origin
from manifests import Manifest, connection, federation, from_github, from_oidc, rule, without

METADATA = {"uid": "u", "generation": 3, "resourceVersion": "7", "creationTimestamp": "2026-01-31T12:00:00Z"}


def stored(manifest: Manifest, status: Manifest | None = None, **metadata: Any) -> Manifest:
    """A manifest as the API server gives it back."""
    filled = {**manifest, "metadata": {**manifest["metadata"], **METADATA, **metadata}}
    return filled if status is None else {**filled, "status": status}


def test_an_object_is_read_with_its_defaults() -> None:
    read = parse_federation(stored(federation(from_oidc(name="any"))))
    assert (read.spec.deletion_policy, read.spec.drift_policy) == (DeletionPolicy.DELETE, DriftPolicy.REPAIR)
    assert (read.metadata.generation, read.metadata.resource_version) == (3, "7")
    assert read.metadata.deletion_timestamp is None
    assert read.metadata.reconcile_requested_at is None
    assert read.status.observed_generation == -1


def test_a_connection_is_read_with_its_rules() -> None:
    labels = {"selector": {"matchLabels": {"team": "payments"}}}
    read = parse_connection(stored(connection(rule({"issuer": "cluster", "subjects": ["**"]}, namespaces=labels))))
    (only,) = read.spec.rules
    assert only.namespaces.selector is not None
    assert only.namespaces.selector.match_labels == (("team", "payments"),)
    assert only.federated_credentials[0].subjects == ("**",)


def test_the_wish_to_reconcile_now_is_read_from_its_annotation() -> None:
    asked = stored(federation(), annotations={"entrafed.io/reconcile-requested-at": "now, please", "other": "x"})
    assert parse_federation(asked).metadata.reconcile_requested_at == "now, please"


def test_what_a_newer_operator_wrote_is_passed_over() -> None:
    condition = {
        "type": "SecretsRotated",
        "status": "True",
        "reason": "Assigned",
        "message": "",
        "observedGeneration": 3,
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }
    made = {"credentialName": "web", "issuer": "https://i", "subject": "s", "audience": "a", "origin": "Adopted"}
    item = {"name": "any", "state": "New", "reason": "New", "message": "", "new": 1, "credentials": [made]}
    status = {"conditions": [condition, {**condition, "type": "Ready"}], "federatedCredentials": [item], "new": {}}
    manifest = federation(rotations=[{"name": "blobs"}])
    read = parse_federation(stored(manifest, status))
    assert [c.type.value for c in read.status.conditions] == ["Ready"]
    (row,) = read.status.federated_credentials
    assert row.state is ItemState.PENDING
    assert row.credentials[0].origin is Origin.PRE_EXISTING, "what is not known to be ours is left alone"


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (without(federation(), "spec", "target"), "spec.target: is required"),
        (federation(target={}), "spec.target: must have exactly one of `application`, `managedIdentity`"),
        (federation(suspend="perhaps"), "spec.suspend: must be true or false"),
        (federation(deletionPolicy="Keep"), "spec.deletionPolicy: must be one of 'Delete' or 'Retain'"),
        (
            federation(*(from_oidc(name=f"i{n}") for n in range(21))),
            "spec.federatedCredentials: may have at most 20 entries",
        ),
        (
            federation(from_oidc("http://issuer.example")),
            (
                "spec.federatedCredentials[0].oidc.issuer: must be an address that begins with `https://`,"
                " without user, query or fragment"
            ),
        ),
        (
            federation(from_oidc("https://sts.windows.net/x/")),
            (
                "spec.federatedCredentials[0].oidc.issuer: may not be an issuer of Entra:"
                " for tokens of a managed identity use `managedIdentity`, for those of a service connection"
                " `azureDevOps`"
            ),
        ),
        (
            federation(from_github(branch="refs/heads/main")),
            (
                "spec.federatedCredentials[0].githubActions.branch: must be the name of the branch alone,"
                " without `refs/heads/`"
            ),
        ),
        (
            federation(from_oidc(subject="x" * 601)),
            "spec.federatedCredentials[0].oidc.subject: may have at most 600 characters",
        ),
    ],
)
def test_a_mistake_is_told_as_the_api_server_tells_it(manifest: Manifest, complaint: str) -> None:
    with pytest.raises(InvalidObject) as refused:
        parse_federation(stored(manifest))
    assert str(refused.value) == complaint


@pytest.mark.parametrize("text", ["", "object", 3, None, []])
def test_what_is_no_object_is_told_so(text: Any) -> None:
    with pytest.raises(InvalidObject, match="must be an object"):
        parse_federation(text)


@pytest.mark.parametrize(
    "mistaken",
    [
        federation(from_oidc("planted-secret")),
        federation(target={"application": {"clientId": "planted-secret"}}),
        federation(deletionPolicy="planted-secret"),
        federation(connectionRef="planted-secret"),
    ],
)
def test_a_complaint_never_shows_the_value(mistaken: Manifest) -> None:
    with pytest.raises(InvalidObject) as refused:
        parse_federation(stored(mistaken))
    told = f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
    assert "planted-secret" not in told
    assert "\n" not in str(refused.value)
