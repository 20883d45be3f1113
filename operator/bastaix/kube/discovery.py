"""Which of the kinds that we know does the API server have just now?

kopf's own scanning of CRDs needs cluster-wide rights. Discovery is open to every service
account, so asking it now and then works with namespaced rights too.
"""

from collections.abc import Iterable, Sequence

from bastaix.kube.cluster import METADATA_LIST, Client
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import Kind


async def served(client: Client, wanted: Sequence[Kind]) -> frozenset[Kind]:
    """Which of these kinds the API server has; raises when it cannot be asked."""
    found: set[Kind] = set()
    for group_version in sorted({kind.api_version for kind in wanted}):
        prefix = "/apis/" if "/" in group_version else "/api/"
        try:
            resources = await client.request("GET", prefix + group_version)
        except Refused as refused:
            if refused.status != 404:
                raise
            continue
        plurals = {resource["name"] for resource in resources["resources"]}
        found |= {
            kind for kind in wanted if kind.api_version == group_version and kind.plural in plurals
        }
    return frozenset(found)


async def forbidden(
    client: Client, kinds: Iterable[Kind], namespaces: frozenset[str]
) -> frozenset[Kind]:
    """Which of these kinds may not be listed, in one of the namespaces or, without any, in all."""
    everywhere: list[str | None] = [None]
    found: set[Kind] = set()
    for kind in kinds:
        for namespace in sorted(namespaces) or everywhere:
            try:
                await client.request(
                    "GET", kind.path(namespace), query={"limit": "1"}, accept=METADATA_LIST
                )
            except Refused as refused:
                if refused.status != 403:
                    raise
                found.add(kind)
    return frozenset(found)
