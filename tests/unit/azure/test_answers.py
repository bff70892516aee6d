"""Reading an answer that is not success: what it says, and nothing that moves or is secret."""

import json

import pytest

from entrafed.azure.answers import LONGEST_HOLD, LONGEST_QUOTE, LONGEST_TEXT, Answer, clean, quote, read_answer

NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl"


def answer(body: object = None, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(400, {name.replace("_", "-"): value for name, value in headers.items()}, content, NOW)


def test_graph_and_arm_say_code_and_message() -> None:
    read = answer({"error": {"code": "Request_BadRequest", "message": "Invalid property 'x'."}})
    assert (read.status, read.code, read.text) == (400, "Request_BadRequest", "Invalid property 'x'.")


def test_the_token_endpoint_says_numbers() -> None:
    read = answer({"error": "invalid_client", "error_description": "AADSTS700213: No match.", "error_codes": [700213]})
    assert (read.code, read.text, read.aadsts) == ("invalid_client", "AADSTS700213: No match.", (700213,))


@pytest.mark.parametrize(
    "body",
    [b"<html>Bad gateway</html>", b"", b"[]", b"null", b'"error"', b'{"error": 7}', b"\xff\xfe", b"[" * 100_000],
)
def test_a_body_that_is_no_error_of_microsofts_has_no_code(body: bytes) -> None:
    assert (answer(body).code, answer(body).text) == (None, "")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "17"}, 17.0),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after": "0"}, None),
        ({"retry_after": "0.0"}, None),
        ({"retry_after_ms": "1", "retry_after": "9"}, 9.0),
        ({"retry_after": "inf"}, LONGEST_HOLD),
        ({"retry_after": "1e999"}, LONGEST_HOLD),
        ({"retry_after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
        ({"retry_after": "Fri, 15 Jan 2027 08:00:00 GMT"}, None),
        ({"retry_after": "Sat, 15 Jan 2028 08:00:00 GMT"}, LONGEST_HOLD),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"x_ms_retry_after_ms": "2500"}, 2.5),
        ({"retry_after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60.0),
        ({"retry_after": "99999999"}, LONGEST_HOLD),
        ({"retry_after": "Fri, 15 Jan 2027 07:59:00 GMT"}, None),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_in_the_past(headers: dict[str, str], seconds: float | None) -> None:
    assert answer({}, **headers).retry_after == seconds


@pytest.mark.parametrize("name", ["request_id", "x_ms_request_id"])
def test_the_request_id_is_kept_for_the_log(name: str) -> None:
    assert answer({}, **{name: GUID}).request_id == GUID


@pytest.mark.parametrize(
    "moving",
    [
        f"Trace ID: {GUID}",
        f"Correlation ID: {GUID}",
        f"Request ID: '{GUID}'.",
        f"client-request-id: {GUID}",
        f"Activity Id: {GUID.replace('-', '')}",
        "Timestamp: 2026-01-01 00:00:00Z",
        "Timestamp: 2026-01-01T00:00:00.123Z",
    ],
)
def test_what_moves_between_two_answers_is_cut_out(moving: str) -> None:
    assert clean(f"No match. {moving}") == "No match."


@pytest.mark.parametrize("secret", [TOKEN, f"Bearer {TOKEN}", "bearer abcdef", "s3cr3t~" * 12, "eyJhbGciOi.e30"])
def test_what_could_be_a_token_is_cut_out(secret: str) -> None:
    text = clean(f"The header '{secret}' is not valid")
    assert secret not in text
    assert "<removed>" in text


def test_ids_and_names_stay() -> None:
    text = f"Resource '{GUID}' under /subscriptions/{GUID}/resourceGroups/payments of system:serviceaccount:web:web"
    assert clean(text) == text


def test_a_long_text_is_one_short_line() -> None:
    text = clean("first\r\nsecond\x00\tthird " + "word " * 200)
    assert text.startswith("first second third word")
    assert text.endswith("...")
    assert len(text) <= LONGEST_QUOTE


def test_a_code_of_somebody_elses_making_is_bounded_and_cleaned() -> None:
    code = answer({"error": {"code": "x y\n" * 100, "message": TOKEN}}).code
    assert code is not None
    assert len(code) <= 80
    assert "\n" not in code


INNER = json.dumps({"error": {"code": "BadRequest", "message": "The identity was not found."}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"Failed. Status: 'BadRequest'. Response: '{INNER}'.'.", "The identity was not found."),
        (f"{'/long' * 200} Response: '{INNER}'.'.", "The identity was not found."),
        ("Failed. Response: '{not json}'.", "Failed. Response: '{not json}'."),
        ("Failed. Response: '{\"error\": 7}'.", "Failed. Response: '{\"error\": 7}'."),
        ("Failed.", "Failed."),
    ],
)
def test_of_an_answer_that_quotes_another_ones_the_inner_words_are_told(text: str, told: str) -> None:
    assert quote(text) == told


def test_what_decides_is_looked_for_in_more_of_a_text_than_people_are_told() -> None:
    text = f"Operation for '{'/resource' * 60}' failed. Status: '429'. {'word ' * 2000}"
    body = json.dumps({"error": {"code": "FailedIdentityOperation", "message": text}}).encode()
    answer = read_answer(400, {}, body, 0.0)
    assert "Status: '429'" in answer.text
    assert len(answer.text) <= LONGEST_TEXT
    assert len(quote(answer.text)) <= LONGEST_QUOTE
