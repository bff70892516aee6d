"""What the cluster says about itself, and what is in it at the start."""

from entrafed.api.metadata import CONNECTIONS, FEDERATIONS, GROUP, VERSION
from entrafed.domain.errors import KubeGone, KubeProblem
from entrafed.kube.client import Client, path_of

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500  # objects; more make the API server and us hold megabytes at once
MOST_PAGES = 10_000  # a bound for a list whose continuation never ends


class NotInstalled(Exception):
    """A kind of ours is not known to the API server."""


async def cluster_id(client: Client) -> str:
    """The identity of this cluster: the UID of its namespace `kube-system`. Raises `KubeProblem`."""
    namespace = await client.get(path_of("api", "v1", "namespaces", "kube-system"))
    try:
        return str(namespace["metadata"]["uid"])
    except (KeyError, TypeError) as error:
        raise KubeProblem("the API server answered with a namespace that has no uid") from error


async def list_uids(client: Client, plural: str) -> frozenset[str]:
    """The uids of all objects of a kind of ours, page by page. Raises `NotInstalled` or `KubeProblem`."""
    path = path_of("apis", GROUP, VERSION, plural)
    query = {"limit": str(PAGE)}
    uids: set[str] = set()
    for _ in range(MOST_PAGES):
        try:
            page = await client.get(path, query, headers={"Accept": METADATA_ONLY})
            items = page["items"] or ()  # null, not [], where there is nothing
            uids.update(str(item["metadata"]["uid"]) for item in items)
            token = page["metadata"].get("continue")
        except KubeGone as error:
            raise NotInstalled(f"{plural}.{GROUP} {VERSION} is not installed in this cluster") from error
        except (KeyError, TypeError) as error:
            raise KubeProblem(f"the API server answered GET {path} with something that is not a list") from error
        if not token:
            return frozenset(uids)
        query = {"limit": str(PAGE), "continue": token}
    raise KubeProblem(f"GET {path} has more than {MOST_PAGES} pages")


async def list_federation_uids(client: Client) -> frozenset[str]:
    """All there is to be seen before anything may be removed; raises `NotInstalled` unless both kinds are there."""
    await list_uids(client, CONNECTIONS)
    return await list_uids(client, FEDERATIONS)


async def cluster_issuer(client: Client) -> str:
    """The issuer of this cluster's service account tokens, exactly as the discovery document spells it: Entra compares
    every character. Raises `KubeProblem`.

    The connection ends with the answer. Behind one address are several API servers, which may announce different
    issuers while they are rolled out, and a connection that stays leads to the same one for as long.
    """
    document = await client.get("/.well-known/openid-configuration", headers={"Connection": "close"})
    issuer = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(issuer, str) or not issuer:
        raise KubeProblem("the API server's discovery document names no issuer")
    return issuer
