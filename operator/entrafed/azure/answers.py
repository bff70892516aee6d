"""An answer that is not success, reduced to what decisions and messages need."""

import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

SHORTEST_HOLD = 0.1  # seconds; a Retry-After below names no pause: obeyed to the letter, it would be a storm
LONGEST_HOLD = 3600.0  # seconds; one beyond an hour is taken for a mistake
LONGEST_TEXT = 4_000  # characters of Azure's own text that are looked at
LONGEST_QUOTE = 300  # and that a message carries
_JSON_BOUND = 1_000_000  # bytes; an error body beyond that is not one


@dataclass(frozen=True, slots=True)
class Bill:
    """What an answer of Graph says of the budgets that the request drew from; None where it says nothing.

    `units` are resource units, `used` is the share of the tightest budget that is used up. Source:
    https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
    """

    units: float | None = None
    used: float | None = None


NO_BILL = Bill()
MOST_UNITS = 100.0  # that one request can cost; a number beyond that is a mistake


def read_bill(headers: Mapping[str, str]) -> Bill:
    """Read what a request cost. `headers` is asked in lower case."""
    units, used = _number(headers.get("x-ms-resource-unit")), _number(headers.get("x-ms-throttle-limit-percentage"))
    return Bill(units if units is not None and units <= MOST_UNITS else None, used)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, from any of the services.

    `code` is the service's error code, None when the body is no error object of Microsoft's (a proxy's page, nothing at
    all): then the status alone says nothing about the object asked for. `text` is cleaned and bounded. `aadsts` are the
    numbers of the token endpoint. `retry_after` is in seconds.
    """

    status: int
    code: str | None = None
    text: str = ""
    aadsts: tuple[int, ...] = ()
    retry_after: float | None = None
    request_id: str | None = None
    bill: Bill = NO_BILL


def read_answer(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Answer:
    """Read an answer of Graph or ARM (`{"error": {"code", "message"}}`) or of the token endpoint (`error_codes`).

    `headers` is asked in lower case; `now` is seconds since the epoch, for a Retry-After that is a date.
    """
    code, text, aadsts = _error(body)
    return Answer(
        status=status,
        code=code,
        text=clean(text, LONGEST_TEXT),
        aadsts=aadsts,
        retry_after=_retry_after(headers, now),
        request_id=headers.get("request-id") or headers.get("x-ms-request-id"),
        bill=read_bill(headers),
    )


def _error(body: bytes) -> tuple[str | None, str, tuple[int, ...]]:
    try:
        parsed = json.loads(body) if len(body) <= _JSON_BOUND else None
    except (ValueError, RecursionError):
        parsed = None
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if isinstance(error, dict):
        code, text = error.get("code"), error.get("message")
        # The code is Azure's, or of whoever answers in its place: it is shown to people, so it is bounded too.
        return clean(str(code))[:80] if code else None, str(text or ""), ()
    if isinstance(error, str) and isinstance(parsed, dict):
        numbers = parsed.get("error_codes")
        aadsts = tuple(n for n in numbers if isinstance(n, int)) if isinstance(numbers, list) else ()
        return clean(error)[:80] or None, str(parsed.get("error_description") or ""), aadsts
    return None, "", ()


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    for name, per_second in (("retry-after-ms", 1000), ("x-ms-retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / per_second
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
            except ValueError:
                continue
        if seconds >= SHORTEST_HOLD:  # a date gone by, a negative number or nan say nothing either
            return min(seconds, LONGEST_HOLD)
    return None


_MOVING = re.compile(
    r"\s*(?:\b(?:Trace|Correlation|(?:Client[ -])?Request|Activity|Tracking)[ -]?ID\s*:?\s*'?[0-9a-f-]{32,36}'?"
    r"|\bTimestamp\s*:?\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?)\.?,?",
    re.IGNORECASE,
)
_SECRET = re.compile(r"\beyJ[\w-]*\.[\w.-]*|\bBearer\s+\S+|[\w+=.~-]{80,}", re.IGNORECASE)
"""What could be a token: a JWT, a bearer header, or a run longer than any GUID, label or name in a text."""


def clean(text: str, longest: int = LONGEST_QUOTE) -> str:
    """Azure's own words, fit for a message: nothing that moves between answers, nothing secret, one line of so many
    characters at most."""
    text = _SECRET.sub("<removed>", _MOVING.sub("", text))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= longest else text[: longest - 3].rstrip() + "..."


_INNER = re.compile(r"Response: '(\{.*\})'")


def quote(text: str) -> str:
    """What of a cleaned text is told to people: where one service quotes the answer of another, that one's words."""
    found = _INNER.search(text)
    inner = _error(found[1].encode())[1] if found else ""
    return clean(inner or text)
