"""How to sign in with a connection: equal values share clients and tokens, and nothing of the environment counts."""

import pytest

from entrafed.api.connection import CloudName
from entrafed.api.reasons import Reason
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn, sign_in_of
from entrafed.domain.errors import Problem, ProblemKind
from unit.domain.federations import EVERYTHING, OPERATOR, TENANT, connection

ELSEWHERE = {"login": "https://login.example", "graph": "https://graph.example:8443", "arm": "https://arm.example"}


@pytest.mark.parametrize("cloud", CloudName)
def test_each_cloud_has_addresses_of_its_own(cloud: CloudName) -> None:
    found = sign_in_of(connection(cloud=cloud.value), allow_endpoints=False)
    assert isinstance(found, SignIn)
    its = CLOUDS[cloud]
    assert (found.cloud, found.login, found.graph, found.arm) == (cloud, its.login, its.graph, its.arm)


def test_no_two_clouds_share_an_address_or_an_audience() -> None:
    for field in ("login", "graph", "arm", "exchange_audience"):
        assert len({getattr(cloud, field) for cloud in CLOUDS.values()}) == len(CLOUDS)


def test_ids_are_compared_without_regard_to_case() -> None:
    shouted = connection(tenantId=TENANT.upper(), credential={"workloadIdentity": {"clientId": OPERATOR.upper()}})
    assert sign_in_of(shouted, allow_endpoints=False) == sign_in_of(connection(), allow_endpoints=False)


def test_rules_are_no_part_of_signing_in() -> None:
    assert sign_in_of(connection(EVERYTHING, generation=7), allow_endpoints=False) == sign_in_of(
        connection(), allow_endpoints=False
    )


def test_two_connections_that_are_alike_stay_two() -> None:
    assert sign_in_of(connection(name="a"), allow_endpoints=False) != sign_in_of(
        connection(name="b"), allow_endpoints=False
    )


def test_tokens_are_sent_elsewhere_only_when_the_operator_was_started_so() -> None:
    found = sign_in_of(connection(endpoints=ELSEWHERE), allow_endpoints=True)
    assert isinstance(found, SignIn)
    assert {"login": found.login, "graph": found.graph, "arm": found.arm} == ELSEWHERE
    refused = sign_in_of(connection(endpoints=ELSEWHERE), allow_endpoints=False)
    assert isinstance(refused, Problem)
    assert (refused.kind, refused.reason) == (ProblemKind.TERMINAL, Reason.CONNECTION_INVALID)
    assert "--allow-endpoints" in refused.message
    assert not any(address in refused.message for address in ELSEWHERE.values())


@pytest.mark.parametrize("allow", [True, False])
def test_a_credential_of_a_newer_version_is_said_to_be_unknown(allow: bool) -> None:
    refused = sign_in_of(connection(credential={"somethingNewer": {}}), allow_endpoints=allow)
    assert isinstance(refused, Problem)
    assert (refused.kind, refused.reason) == (ProblemKind.TERMINAL, Reason.CONNECTION_INVALID)
    assert "EntraConnection default" in refused.message
