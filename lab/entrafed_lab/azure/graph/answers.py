"""Shapes of Graph's answers: single objects, lists with pages."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.graph.request import GraphRequest, Options, Version

Entity = Mapping[str, object]


def entity(status: int, version: Version, context: str, document: Entity, options: Options) -> Answer:
    """One object, `$select` applied."""
    return json_answer(status, {"@odata.context": _context(version, context + "/$entity"), **_pick(document, options)})


def wrapped_entity(version: Version, context: str, document: Entity, options: Options) -> Answer:
    """One object inside `value`, as one sample of the reference shows it."""
    value = _pick(document, options)
    return json_answer(200, {"@odata.context": _context(version, context + "/$entity"), "value": value})


class Pages:
    """Lists. `url` makes the absolute links to further pages, of `size` objects when the client does not say."""

    def __init__(self, *, url: str, size: int) -> None:
        self._url = url
        self._size = size

    def page(
        self, request: GraphRequest, context: str, documents: Sequence[Entity], *, path: str, filterable: Sequence[str]
    ) -> Answer:
        """The page that a request asks for of those objects that its `$filter` lets through."""
        options = request.options
        if options.where is not None:
            name, value = options.where
            if name not in filterable:
                message = f"Unsupported or invalid query filter clause specified for property '{name}'."
                raise Refused(400, "Request_UnsupportedQuery", message)
            documents = [document for document in documents if document[name] == value]
        size = options.top or self._size
        end = options.skip + size
        answer: dict[str, object] = {
            "@odata.context": _context(request.version, context),
            "value": [_pick(document, options) for document in documents[options.skip : end]],
        }
        if end < len(documents):
            query = {key: value for key, value in request.query.items() if key in {"$select", "$filter"}}
            query = {**query, "$top": str(size), "$skiptoken": str(end)}
            answer["@odata.nextLink"] = f"{self._url}/{request.version}/{path}?{urlencode(query)}"
        return json_answer(200, answer)


def _context(version: Version, context: str) -> str:
    return f"https://graph.microsoft.com/{version}/$metadata#{context}"


def _pick(document: Entity, options: Options) -> Entity:
    if not options.select:
        return document
    return {name: value for name, value in document.items() if name in options.select}
