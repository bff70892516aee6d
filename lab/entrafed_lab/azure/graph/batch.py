"""JSON batching: up to 20 requests in one.

Source: https://learn.microsoft.com/graph/json-batching
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from entrafed_lab.azure.exchange import Answer, Call, ConnectionDropped, json_answer, parse_object
from entrafed_lab.azure.graph.errors import bad_request, graph_error
from entrafed_lab.azure.graph.request import Version

MOST = 20

Dispatch = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    call: Call
    depends_on: tuple[str, ...]


async def run_batch(call: Call, version: Version, dispatch: Dispatch) -> Answer:
    """Run all members, those without dependencies at once; raises `Refused` when the batch itself is wrong."""
    members = _members(call, version)
    done: dict[str, asyncio.Task[Answer]] = {}

    async def run(member: Member) -> Answer:
        earlier = [await done[name] for name in member.depends_on]
        if any(answer.status >= 400 for answer in earlier):
            return graph_error(424, "FailedDependency", "A request that this one depends on failed.")
        try:
            return _whole(await dispatch(member.call))
        except ConnectionDropped:
            return graph_error(504, "GatewayTimeout", "The request timed out.")

    async with asyncio.TaskGroup() as group:
        for member in members:
            done[member.id] = group.create_task(run(member))
    responses = [_response(member.id, done[member.id].result()) for member in members]
    return json_answer(200, {"responses": responses})


def _members(call: Call, version: Version) -> Sequence[Member]:
    document = parse_object(call.body)
    requests = document.get("requests") if document is not None else None
    if not isinstance(requests, list) or not requests:
        raise bad_request("Invalid batch payload format.")
    if len(requests) > MOST:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {MOST}.")
    members = [_member(item, call, version) for item in requests]
    known: set[str] = set()
    for member in members:
        if member.id in known:
            raise bad_request("Duplicate request id found in the batch payload.")
        if not known.issuperset(member.depends_on):
            raise bad_request("A request depends on one that does not stand before it.")
        known.add(member.id)
    return members


def _member(item: object, call: Call, version: Version) -> Member:
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("id", "method", "url")):
        raise bad_request("Every request of a batch needs 'id', 'method' and 'url'.")
    path, _, query = item["url"].partition("?")
    body = b"" if item.get("body") is None else json.dumps(item["body"]).encode()
    member = replace(
        call,
        method=item["method"].upper(),
        path=f"/{version}/{path.lstrip('/')}",
        query=dict(parse_qsl(query)),
        headers=_headers(item.get("headers")),
        body=body,
        in_batch=True,
    )
    return Member(item["id"], member, tuple(item.get("dependsOn") or ()))


def _headers(value: object) -> Mapping[str, str]:
    return {str(name).lower(): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _response(name: str, answer: Answer) -> dict[str, object]:
    headers = dict(answer.headers)
    response: dict[str, object] = {"id": name, "status": answer.status, "headers": headers}
    if answer.content_type is not None:
        headers["Content-Type"] = answer.content_type
        response["body"] = json.loads(answer.body)
    return response


def _whole(answer: Answer) -> Answer:
    """An answer that can be part of a document: of a list that breaks off in an error, the error."""
    try:
        json.loads(answer.body or b"null")
    except ValueError:
        error = json.loads(answer.body[answer.body.index(b'{"error"') :])["error"]
        return graph_error(500, error["code"], error["message"])
    return answer
