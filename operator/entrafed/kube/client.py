"""One request to the API server: what every one has in common."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient

from entrafed.domain.errors import KubeConflict, KubeForbidden, KubeGone, KubeProblem

REQUEST_TIMEOUT = 10.0
"""Seconds for a whole request. Ours take milliseconds: longer means an API server in trouble, and work tried again."""

LONGEST_MESSAGE = 300  # characters of the API server's own text
NOT_AUTHORIZED = 'is forbidden: User "'

Json = Any
"""A parsed body. It goes no further than the module that parsed it."""


class Body(StrEnum):
    """How a body is to be understood."""

    JSON = "application/json"
    JSON_PATCH = "application/json-patch+json"
    MERGE_PATCH = "application/merge-patch+json"
    APPLY = "application/apply-patch+yaml"


def path_of(*segments: str) -> str:
    """An absolute path whose segments are quoted."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


class Client:
    """Sends requests with one timeout and one translation of what can go wrong.

    `may_write` is called in the instant before a write is sent; it raises `WritesStopped` when none may start any more.
    """

    def __init__(self, api: ApiClient, may_write: Callable[[], None]) -> None:
        self._api = api
        self._may_write = may_write

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call] # theirs

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Json:
        """Read; raises `KubeGone`, `KubeForbidden` or `KubeProblem`."""
        return await self._send("GET", _target(path, query), {"Accept": Body.JSON, **(headers or {})}, None)

    async def post(self, path: str, body: Json, query: Mapping[str, str] | None = None) -> Json:
        """Create; raises `KubeConflict` when it is there, `KubeProblem` or `WritesStopped`."""
        self._may_write()
        return await self._send("POST", _target(path, query), {"Content-Type": Body.JSON, "Accept": Body.JSON}, body)

    async def delete(self, path: str, *, uid: str, resource_version: str) -> None:
        """Delete what was read; raises as `patch` does."""
        self._may_write()
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        await self._send("DELETE", path, {"Content-Type": Body.JSON, "Accept": Body.JSON}, body)

    async def patch(self, path: str, query: Mapping[str, str], kind: Body, body: Json) -> Json:
        """Change; raises `KubeConflict` when the object moved on, `KubeGone`, `KubeProblem` or `WritesStopped`."""
        self._may_write()
        return await self._send("PATCH", _target(path, query), {"Content-Type": kind, "Accept": Body.JSON}, body)

    async def _send(self, method: str, target: str, headers: dict[str, str], body: Json) -> Json:
        doing = f"{method} {target.partition('?')[0]}"
        try:
            response = await self._api.call_api(
                method,
                f"{self._api.configuration.host}{target}",
                header_params={**self._api.default_headers, **headers},
                body=body,
                _request_timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=5.0),
            )
            content: bytes = await response.read()  # type: ignore[no-untyped-call] # theirs
        except TimeoutError as error:
            raise KubeProblem(f"the API server did not answer {doing} within {REQUEST_TIMEOUT:.0f} s") from error
        except aiohttp.ClientError as error:
            raise KubeProblem(f"cannot reach the API server for {doing}: {_one_line(str(error))}") from error
        if response.status >= 400:
            raise _refusal(doing, response.status, content)
        return _parse(doing, content)


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _parse(doing: str, content: bytes) -> Json:
    try:
        return json.loads(content)
    except ValueError as error:
        raise KubeProblem(f"the API server answered {doing} with something that is not JSON") from error


@dataclass(frozen=True, slots=True)
class _Status:
    """What the API server says about a refusal. `causes` tells whether it names fields that are wrong, `unauthorized`
    whether it is the authorizer who refuses."""

    message: str = ""
    causes: bool = False
    unauthorized: bool = False


def _refusal(doing: str, status: int, content: bytes) -> KubeProblem:
    """Say what an answer that is not success means for a writer."""
    said = _read_status(content)
    text = f"the API server answered {doing} with {status}" + (f": {said.message}" if said.message else "")
    if status == 404:
        return KubeGone(text)
    # Only what the authorizer refuses; admission, a quota or a namespace that ends refuse with 403 too (seen on 1.37).
    if status == 403 and said.unauthorized:
        return KubeForbidden(text)
    # A JSON patch that does not fit the object, its `test` above all, is a 422 that names no field (seen on 1.37). One
    # that names fields is a request that is never accepted.
    if status == 409 or (status == 422 and not said.causes):
        return KubeConflict(text)
    return KubeProblem(text)


def _read_status(content: bytes) -> _Status:
    try:
        status = json.loads(content)
        details = status.get("details") or {}
        message = status.get("message") or ""
        return _Status(_one_line(message), bool(details.get("causes")), NOT_AUTHORIZED in message)
    except (ValueError, AttributeError):
        return _Status()


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"
