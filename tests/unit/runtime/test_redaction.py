"""Planted secrets do not reach the log, whoever writes the line and however it is formatted."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from entrafed.runtime.logs import configure_logs
from entrafed.runtime.redaction import redact
from entrafed.runtime.settings import LogFormat, LogLevel

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ"
SECRET = "planted~secret-8Q"


@pytest.fixture(params=list(LogFormat))
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(LogLevel.DEBUG, request.param, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        f"token {JWT} was refused",
        f"Authorization: Bearer {SECRET}",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f'{{"client_assertion": "{SECRET}"}}',
        f'"{{\\"client_secret\\": \\"{SECRET}\\"}}"',
        f"grant_type=client_credentials&client_assertion={SECRET}&scope=x",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_is_cut_out_of_a_text(text: str) -> None:
    secret = JWT if JWT in text else SECRET

    assert secret in text
    assert secret not in redact(text)


def test_a_token_that_was_cut_off_is_cut_out_too() -> None:
    assert JWT[:40] not in redact(f"starts with {JWT[:40]}")


@pytest.mark.parametrize(
    "text",
    [
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "AADSTS700213: no federated identity credential has the token's subject",
        "repo:contoso/web:environment:prod",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_our_own_line_holds_no_secret(written: io.StringIO) -> None:
    structlog.get_logger("entrafed.x").info(
        "asked", token=SECRET, headers={"Authorization": f"Bearer {SECRET}"}, of=[JWT]
    )

    assert "asked" in written.getvalue()
    assert SECRET not in written.getvalue()
    assert JWT not in written.getvalue()


def test_a_librarys_line_holds_no_secret(written: io.StringIO) -> None:
    logging.getLogger("azure.core").warning("sent %s", {"client_assertion": JWT})

    assert "sent" in written.getvalue()
    assert JWT not in written.getvalue()


def test_a_traceback_holds_no_secret(written: io.StringIO) -> None:
    try:
        int(f"Authorization: Bearer {SECRET}")
    except ValueError:
        structlog.get_logger("entrafed.x").exception("failed")

    assert "ValueError" in written.getvalue()
    assert SECRET not in written.getvalue()


def test_an_object_that_shows_its_secret_is_cut_too(written: io.StringIO) -> None:
    class Credential:
        def __repr__(self) -> str:
            return f"Credential(client_secret='{SECRET}')"

    structlog.get_logger("entrafed.x").info("made", credential=Credential())

    assert "Credential(" in written.getvalue()
    assert SECRET not in written.getvalue()
