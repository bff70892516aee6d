"""Shapes of Resource Manager's lists."""

from collections.abc import Mapping, Sequence

from entrafed_lab.azure.arm.errors import bad_request
from entrafed_lab.azure.arm.request import ArmRequest, whole_number
from entrafed_lab.azure.exchange import Answer, json_answer

Resource = Mapping[str, object]


def listing(request: ArmRequest, resources: Sequence[Resource], *, url: str, page: int) -> Answer:
    """A page of at most `$top` (else `page`) resources, with the absolute link to the next one."""
    size = whole_number("$top", request.query.get("$top")) or page
    token = request.query.get("$skiptoken", "X'0'")
    if not (token.startswith("X'") and token.endswith("'") and token[2:-1].isdigit()):
        raise bad_request(f"The skip token '{token}' is invalid.")
    start = int(token[2:-1])
    answer: dict[str, object] = {"value": resources[start : start + size]}
    if start + size < len(resources):
        link = f"{url}{request.path}?api-version={request.api_version}&$top={size}&$skiptoken=X'{start + size}'"
        answer["nextLink"] = link
    return json_answer(200, answer)
