"""The way to Azure: by which connection, under which rules, or why there is none."""

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.rules import Namespace
from entrafed.engine.access import Accesses, Unresolved
from entrafed.engine.objects import Objects
from unit.domain.federations import EVERYTHING, OPERATOR, OTHER_TENANT, TENANT, connection, federation

OTHER = {**EVERYTHING, "namespaces": {"names": ["other"]}}


def objects() -> Objects:
    made = Objects()
    made.namespaces["payments"] = Namespace("payments", {})
    made.connections["default"] = connection(EVERYTHING, OTHER)
    made.connections["partner"] = connection(OTHER, name="partner", tenantId=OTHER_TENANT)
    return made


def accesses(made: Objects) -> Accesses:
    return Accesses(made, allow_endpoints=False)


def reason(made: Objects, name: str = "default") -> Reason:
    with pytest.raises(Unresolved) as raised:
        accesses(made).through(name, "payments")
    return raised.value.problem.reason


def test_an_object_has_the_rules_of_its_connection_that_serve_its_namespace() -> None:
    access = accesses(objects()).of(federation())
    assert (access.sign_in.tenant_id, access.namespace.name, len(access.rules)) == (TENANT, "payments", 1)


def test_another_connection_has_rules_of_its_own() -> None:
    access = accesses(objects()).through("partner", "payments")
    assert (access.sign_in.tenant_id, access.rules) == (OTHER_TENANT, ())


def test_what_is_not_there_is_waited_for_and_said_which_it_is() -> None:
    made = objects()
    assert reason(made, "later") is Reason.CONNECTION_NOT_FOUND
    made.namespaces.clear()
    assert reason(made) is Reason.NAMESPACE_NOT_FOUND


def test_a_connection_that_may_not_be_used_is_told() -> None:
    made = objects()
    made.connections["default"] = connection(
        EVERYTHING, endpoints=dict.fromkeys(("login", "graph", "arm"), "https://evil.example")
    )
    assert reason(made) is Reason.CONNECTION_INVALID


def test_the_operators_own_clients_are_those_of_all_connections() -> None:
    made = objects()
    other = OPERATOR.replace("0e0e", "ABAB")
    made.connections["third"] = connection(name="third", credential={"workloadIdentity": {"clientId": other}})
    assert accesses(made).own_clients() == {OPERATOR, other.lower()}
