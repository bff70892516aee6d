"""Shapes of Graph's answers: single objects, lists with pages."""

from collections.abc import Mapping, Sequence

from entrafed_lab.azure.exchange import Answer, json_answer
from entrafed_lab.azure.graph.errors import bad_request
from entrafed_lab.azure.graph.request import GraphRequest, Options, Version

Entity = Mapping[str, object]
PAGE = 100  # objects per page when the client does not say


def entity(status: int, version: Version, context: str, document: Entity, options: Options) -> Answer:
    """One object, `$select` applied."""
    return json_answer(status, {"@odata.context": _context(version, context + "/$entity"), **_pick(document, options)})


def wrapped_entity(version: Version, context: str, document: Entity, options: Options) -> Answer:
    """One object inside `value`, as one sample of the reference shows it."""
    value = _pick(document, options)
    return json_answer(200, {"@odata.context": _context(version, context + "/$entity"), "value": value})


def listing(request: GraphRequest, context: str, documents: Sequence[Entity], *, url: str, path: str) -> Answer:
    """A page of the objects that `$filter` lets through; `url` and `path` make the absolute link to the next one."""
    options = request.options
    if options.where is not None:
        name, value = options.where
        if documents and name not in documents[0]:
            raise bad_request(f"Invalid filter clause: there is no property '{name}'.")
        documents = [document for document in documents if document[name] == value]
    size = options.top or PAGE
    page = documents[options.skip : options.skip + size]
    answer: dict[str, object] = {
        "@odata.context": _context(request.version, context),
        "value": [_pick(document, options) for document in page],
    }
    if options.skip + size < len(documents):
        link = f"{url}/{request.version}/{path}?$top={size}&$skiptoken={options.skip + size}"
        answer["@odata.nextLink"] = link + (f"&$select={','.join(options.select)}" if options.select else "")
    return json_answer(200, answer)


def _context(version: Version, context: str) -> str:
    return f"https://graph.microsoft.com/{version}/$metadata#{context}"


def _pick(document: Entity, options: Options) -> Entity:
    if not options.select:
        return document
    return {name: value for name, value in document.items() if name in options.select}
