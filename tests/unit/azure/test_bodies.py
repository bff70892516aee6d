"""Bodies of Graph, as it sends them, as it might, and as we write them."""

import json

import pytest

from entrafed.azure.bodies import (
    Application,
    read_application,
    read_credentials_page,
    read_service_principal,
    rewritten,
    written,
)
from entrafed.azure.calls import Unreadable
from entrafed.domain.credentials import NewCredential, ObservedCredential, Pair, Trust
from entrafed.domain.targets import OwnIdentity

CREDENTIAL = NewCredential("mif-a", Trust(Pair("https://issuer.example/", "Job-1"), "api://x"), "For people.")


def test_ids_are_lower_case_whatever_graph_sends() -> None:
    body = b'{"id": "ABC", "appId": "DEF"}'
    assert read_application(body) == Application(object_id="abc", client_id="def")
    assert read_service_principal(body) == OwnIdentity(client_id="def", object_id="abc")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"7", b'{"id": "x"}', b'{"id": 7, "appId": "x"}'])
def test_an_application_without_its_ids_is_not_understood(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_application(body)


def test_a_page_keeps_credentials_of_every_kind() -> None:
    page = read_credentials_page(
        json.dumps(
            {
                "value": [
                    {"name": "plain", "issuer": "i", "subject": "s", "audiences": ["a"]},
                    {"name": "flexible", "issuer": "i", "subject": None, "audiences": ["a"]},
                    {"name": "odd"},
                ]
            }
        ).encode()
    )
    assert page.credentials == (
        ObservedCredential("plain", "i", "s", ("a",)),
        ObservedCredential("flexible", "i", None, ("a",)),
        ObservedCredential("odd", "", None, ()),
    )
    assert page.next_link is None


def test_issuer_and_subject_are_kept_letter_by_letter() -> None:
    body = b'{"value": [{"name": "x", "issuer": "https://I.example/ ", "subject": "S", "audiences": []}]}'
    (credential,) = read_credentials_page(body).credentials
    assert (credential.issuer, credential.subject) == ("https://I.example/ ", "S")


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"value": {}},
        {"value": [7]},
        {"value": [{}]},
        {"value": [{"name": ""}]},
        {"value": [], "@odata.nextLink": 7},
    ],
)
def test_a_page_that_is_no_list_of_named_credentials_is_not_understood(page: object) -> None:
    with pytest.raises(Unreadable):
        read_credentials_page(json.dumps(page).encode())


def test_a_new_credential_is_written_whole() -> None:
    assert json.loads(written(CREDENTIAL)) == {
        "name": "mif-a",
        "issuer": "https://issuer.example/",
        "subject": "Job-1",
        "audiences": ["api://x"],
        "description": "For people.",
    }


def test_a_rewritten_one_keeps_its_name() -> None:
    assert json.loads(rewritten(CREDENTIAL)) == {
        key: value for key, value in json.loads(written(CREDENTIAL)).items() if key != "name"
    }
