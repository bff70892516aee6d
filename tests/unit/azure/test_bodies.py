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
from entrafed.domain.targets import ServicePrincipal

CREDENTIAL = NewCredential("mif-a", Trust(Pair("https://issuer.example/", "Job-1"), "api://x"), "For people.")


def test_ids_are_lower_case_whatever_graph_sends() -> None:
    body = b'{"id": "ABC", "appId": "DEF"}'
    assert read_application(body) == Application(object_id="abc", client_id="def")
    assert read_service_principal(body) == ServicePrincipal(client_id="def", object_id="abc")


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
    assert page.hides


EXPRESSION = "claims['sub'] matches 'repo:contoso/web:*' and claims['repository_id'] eq '1'"


def flexible(value: object, version: object = 1) -> bytes:
    item = {"name": "x", "issuer": "i", "subject": None, "audiences": ["a"]}
    return json.dumps(
        {"value": [{**item, "claimsMatchingExpression": {"value": value, "languageVersion": version}}]}
    ).encode()


def test_an_expression_is_kept_and_hides_nothing() -> None:
    page = read_credentials_page(flexible(EXPRESSION))
    assert (page.credentials, page.hides) == ((ObservedCredential("x", "i", None, ("a",), EXPRESSION),), False)


def test_an_expression_is_known_however_people_spell_it() -> None:
    spelled = "claims['repository_id']  eq '1' and  claims['sub'] matches 'repo:contoso/web:*' "
    (credential,) = read_credentials_page(flexible(spelled)).credentials
    assert credential.expression == EXPRESSION


@pytest.mark.parametrize(("value", "version"), [(EXPRESSION, 2), (EXPRESSION, "1"), ("", 1), (7, 1), ("x" * 1025, 1)])
def test_an_expression_that_cannot_be_ours_is_not_read(value: object, version: object) -> None:
    (credential,) = read_credentials_page(flexible(value, version)).credentials
    assert (credential.expression, credential.pair) == (None, None)


def test_a_list_that_breaks_off_at_a_flexible_credential_hides_some() -> None:
    error = {
        "message": "The property 'subject[Nullable=False]' of type 'Edm.String' has a null value, which is not ..."
    }
    broken = b'{"value": [{"name": "x", "issuer": "i"' + json.dumps({"error": error}).encode()
    page = read_credentials_page(broken)
    assert (page.credentials, page.hides) == ((), True)


def test_a_list_that_breaks_off_elsewhere_is_not_understood() -> None:
    with pytest.raises(Unreadable):
        read_credentials_page(b'{"value": [{"name": "x", "issuer": "i"{"error": {"code": "InternalServerError"}}')


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


def test_a_flexible_credential_is_written_with_an_expression_in_place_of_a_subject() -> None:
    made = NewCredential("mif-a", Trust(Pair("https://i", expression=EXPRESSION), "api://x"), "For people.")
    body = json.loads(written(made))
    assert body["claimsMatchingExpression"] == {"value": EXPRESSION, "languageVersion": 1}
    assert "subject" not in body
    assert "subject" not in json.loads(rewritten(made))


def test_a_rewritten_one_keeps_its_name() -> None:
    assert json.loads(rewritten(CREDENTIAL)) == {
        key: value for key, value in json.loads(written(CREDENTIAL)).items() if key != "name"
    }
