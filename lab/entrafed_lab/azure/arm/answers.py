"""Shapes of Resource Manager's lists."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.arm.request import ArmRequest, whole_number
from entrafed_lab.azure.exchange import Answer, json_answer

Resource = Mapping[str, object]


class Pages:
    """Lists. `url` makes the absolute links to further pages, of `size` resources when the client does not say."""

    def __init__(self, *, url: str, size: int) -> None:
        self._url = url
        self._size = size

    def page(self, request: ArmRequest, resources: Sequence[Resource]) -> Answer:
        """The page that a request asks for."""
        size = whole_number("$top", request.query.get("$top")) or self._size
        token = request.query.get("$skiptoken", "X'0'")
        if re.fullmatch(r"X'\d+'", token) is None:
            raise bad_request(f"The skip token '{token}' is invalid.")
        start = int(token[2:-1])
        answer: dict[str, object] = {"value": resources[start : start + size]}
        if start + size < len(resources):
            asked = {"$filter": request.query["$filter"]} if "$filter" in request.query else {}
            query = {"api-version": request.api_version, **asked, "$top": size, "$skiptoken": f"X'{start + size}'"}
            quoted = urlencode(query, quote_via=quote, safe="$'")
            answer["nextLink"] = f"{self._url}{request.path}?{quoted}"
        return json_answer(200, answer)
