"""User-assigned managed identities.

Source: https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

import asyncio
from collections.abc import Mapping

from entrafed_lab.azure.arm.answers import Pages, Resource
from entrafed_lab.azure.arm.errors import bad_request, not_found
from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.arm.routes import IDENTITY_TYPE
from entrafed_lab.azure.exchange import Answer, Refused, json_answer
from entrafed_lab.azure.objects import Identity
from entrafed_lab.azure.world import World


class Identities:
    """Everything that is about identities themselves."""

    def __init__(self, *, world: World, pages: Pages) -> None:
        self._world = world
        self._pages = pages

    async def answer(self, request: ArmRequest) -> Answer:
        match request.method, request.name:
            case "GET", None:
                return self._pages.page(request, self._inside(request))
            case "GET", str():
                return json_answer(200, _document(self.find(request)))
        document = {} if request.method == "DELETE" else request.document()
        await asyncio.sleep(self._world.delays.operation)
        match request.method:
            case "PUT":
                return self._put(request, document)
            case "PATCH":
                identity = self.find(request)
                tags = _tags(document)
                identity.tags = identity.tags if tags is None else tags
                return json_answer(200, _document(identity))
        return self._delete(request)

    def find(self, request: ArmRequest) -> Identity:
        """The identity that the path names; raises `Refused`."""
        identity = self._world.identities.get(request.identity_id)
        if identity is None:
            raise not_found(f"{IDENTITY_TYPE}/{request.identity}", request.group or "")
        return identity

    def _inside(self, request: ArmRequest) -> list[Resource]:
        inside = request.root.lower() + "/"
        return [_document(item) for key, item in self._world.identities.items() if key.startswith(inside)]

    def _put(self, request: ArmRequest, document: Mapping[str, object]) -> Answer:
        location = document.get("location")
        if not isinstance(location, str) or not location:
            raise Refused(400, "LocationRequired", "The location property is required for this definition.")
        identity = self._world.identities.get(request.identity_id)
        status = 201 if identity is None else 200
        if identity is None:
            group = self._world.subscriptions[request.subscription_id].resource_group(request.group or "")
            root = f"/subscriptions/{request.subscription_id}/resourceGroups/{group}"
            resource_id = f"{root}/providers/{IDENTITY_TYPE}/{request.name}"
            identity = self._world.create_identity(resource_id, location=region(location))
        elif region(location) != region(identity.location):
            raise Refused(
                409,
                "InvalidResourceLocation",
                f"The resource '{identity.name}' already exists in location '{identity.location}' in resource group "
                f"'{identity.resource_group}'. A resource with the same name cannot be created in location "
                f"'{location}'. Please select a new resource name.",
            )
        identity.tags = _tags(document) or {}
        return json_answer(status, _document(identity))

    def _delete(self, request: ArmRequest) -> Answer:
        if request.identity_id not in self._world.identities:
            return Answer(204)
        self._world.delete_identity(request.identity_id)
        return Answer(200)


def region(location: str) -> str:
    """A location in its normal form: "West Europe" is westeurope."""
    return location.replace(" ", "").lower()


def id_of(identity: Identity) -> str:
    """The id as the resource provider spells it."""
    root = f"/subscriptions/{identity.subscription_id}/resourcegroups/{identity.resource_group}"
    return f"{root}/providers/{IDENTITY_TYPE}/{identity.name}"


def _tags(document: Mapping[str, object]) -> dict[str, str] | None:
    tags = document.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise bad_request("The property 'tags' must be an object of strings.")
    return tags


def _document(identity: Identity) -> Resource:
    return {
        "id": id_of(identity),
        "name": identity.name,
        "type": IDENTITY_TYPE,
        "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": identity.tenant_id,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    }
