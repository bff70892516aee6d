"""Reading a Graph request: version, segments with keys, query options."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from entrafed_lab.azure.exchange import Call, Caller, parse_object
from entrafed_lab.azure.graph.errors import bad_request, no_segment

_KEYED = re.compile(r"^([^(]+)\((?:([A-Za-z]+)=)?'((?:[^']|'')*)'\)$")
_FILTER = re.compile(r"^\s*([A-Za-z]+)\s+eq\s+'((?:[^']|'')*)'\s*$")


class Version(StrEnum):
    V1 = "v1.0"
    BETA = "beta"


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the path. `key` is the value of an alternate key named `key_name` (None: the plain id)."""

    name: str
    key_name: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """OData query options. `where` is the one comparison `$filter` may make."""

    select: tuple[str, ...] = ()
    where: tuple[str, str] | None = None
    top: int | None = None
    skip: int = 0


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """A request by a known caller."""

    version: Version
    method: str
    segments: tuple[Segment, ...]
    query: Mapping[str, str]
    options: Options
    upsert: bool
    """`Prefer: create-if-missing` was sent."""
    body: bytes
    caller: Caller

    def document(self) -> Mapping[str, object]:
        """The JSON object in the body, without OData annotations."""
        found = parse_object(self.body)
        if found is None:
            raise bad_request("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")  # fmt: skip  # noqa: E501
        return {key: value for key, value in found.items() if "@odata." not in key}


def read_version(path: str) -> tuple[Version, str]:
    """The API version and what follows it, still percent-encoded."""
    version, _, rest = path.lstrip("/").partition("/")
    try:
        return Version(version), rest
    except ValueError:
        raise no_segment(version) from None


def read_request(call: Call, caller: Caller) -> GraphRequest:
    """Raises `Refused` for what Graph would not understand."""
    version, rest = read_version(call.path)
    return GraphRequest(
        version=version,
        method=call.method,
        segments=tuple(_segment(unquote(part)) for part in rest.split("/") if part),
        query=call.query,
        options=_options(call.query),
        upsert="create-if-missing" in call.headers.get("prefer", "").lower(),
        body=call.body,
        caller=caller,
    )


def _segment(text: str) -> Segment:
    found = _KEYED.match(text)
    if found is None:
        return Segment(text)
    return Segment(found[1], found[2], found[3].replace("''", "'"))


def _options(query: Mapping[str, str]) -> Options:
    where = None
    if (text := query.get("$filter")) is not None:
        found = _FILTER.match(text)
        if found is None:
            raise bad_request(f"Invalid filter clause: {text}")
        where = (found[1], found[2].replace("''", "'"))
    return Options(
        select=tuple(name.strip() for name in query.get("$select", "").split(",") if name.strip()),
        where=where,
        top=_whole_number("$top", query.get("$top")),
        skip=_whole_number("$skiptoken", query.get("$skiptoken")) or 0,
    )


def _whole_number(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request(f"Invalid value '{text}' for {name} query option found.")
    return int(text)
