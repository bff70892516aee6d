"""A status as it is written: one text for one meaning."""

from entrafed.api.conditions import MAX_MESSAGE, Condition, ConditionStatus, ConditionType
from entrafed.api.connection import ConnectionStatus, dump_connection_status
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import CredentialItemStatus, CredentialStatus, FederationStatus, Summary, dump_status


def condition(kind: ConditionType, message: str = "done") -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus.TRUE,
        reason=Reason.SYNCED,
        message=message,
        observed_generation=1,
        last_transition_time="2026-01-31T12:00:00Z",
    )


def credential(name: str) -> CredentialStatus:
    return CredentialStatus(credential_name=name, issuer="i", subject="s", audience="a", origin=Origin.PRE_EXISTING)


def item(name: str, *credentials: CredentialStatus) -> CredentialItemStatus:
    return CredentialItemStatus(
        name=name, state=ItemState.SYNCED, reason=Reason.SYNCED, message="done", credentials=credentials
    )


def test_the_fields_are_spelled_as_users_spell_them() -> None:
    status = FederationStatus(
        observed_generation=2,
        summary=Summary(credentials="1/1"),
        federated_credentials=(item("a", credential("mif-a")),),
    )
    assert dump_status(status) == {
        "observedGeneration": 2,
        "summary": {"credentials": "1/1"},
        "federatedCredentials": [
            {
                "name": "a",
                "state": "Synced",
                "reason": "Synced",
                "message": "done",
                "credentials": [
                    {
                        "credentialName": "mif-a",
                        "issuer": "i",
                        "subject": "s",
                        "audience": "a",
                        "origin": "PreExisting",
                        "state": "Standing",
                    }
                ],
            }
        ],
    }


def test_nothing_known_is_nothing_written() -> None:
    assert dump_status(FederationStatus()) == {"observedGeneration": -1}
    assert dump_connection_status(ConnectionStatus()) == {"observedGeneration": -1}


def test_the_order_in_which_things_were_found_does_not_matter() -> None:
    items = tuple(item(name, *map(credential, ("mif-b", "mif-a"))) for name in "cab")
    conditions = tuple(map(condition, ConditionType))
    first = FederationStatus(federated_credentials=items, conditions=conditions)
    second = FederationStatus(federated_credentials=items[::-1], conditions=conditions[::-1])
    assert dump_status(first) == dump_status(second)
    assert [c["credentialName"] for c in dump_status(first)["federatedCredentials"][0]["credentials"]] == [
        "mif-a",
        "mif-b",
    ]


def test_a_message_that_is_too_long_is_cut_and_not_refused() -> None:
    message = condition(ConditionType.READY, "x" * (MAX_MESSAGE + 1)).message
    assert len(message) == MAX_MESSAGE
    assert message.endswith("x…")
    assert condition(ConditionType.READY, "x" * MAX_MESSAGE).message == "x" * MAX_MESSAGE
