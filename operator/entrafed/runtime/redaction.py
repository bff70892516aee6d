"""The last line of defence against secrets in logs. The first is that no code puts them there."""

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"

_NAMES = (
    "authorization|proxy-authorization|client_assertion|client_secret|assertion|access_token|refresh_token|id_token"
    "|x-identity-header|password|private_key"
)
_SECRET_KEY = re.compile(rf"^(?:{_NAMES}|token)$", re.IGNORECASE)
_NAMED = re.compile(
    rf"""(?P<name>\b(?:{_NAMES})["'\\]*\s*[:=]\s*["'\\]*)(?:bearer\s+|basic\s+)?[^\s"'\\&,;}}\])]+""", re.IGNORECASE
)
_BEARER = re.compile(r"\b(bearer)\s+[\w.~+/=-]{16,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*)*")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)


def redact(text: str) -> str:
    """A text without tokens, assertions, secrets and private keys: by their shape and by the names before them."""
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _JWT.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    return _NAMED.sub(rf"\g<name>{REDACTED}", text)


def redact_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """The structlog processor that stands last before the renderer."""
    return {key: _value(key, value) for key, value in event.items()}


def _value(key: str, value: Any) -> Any:
    if _SECRET_KEY.match(key):
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(name): _value(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value("", inner) for inner in value]
    return redact(str(value) if isinstance(value, BaseException) else repr(value))
