"""Secrets: the only code that touches them, and the source controller alone uses it.

Whether one is there, and which ones are ours, is asked by metadata, so that no contents travel
for it. What a credential Secret holds goes to whoever asked and is kept nowhere.
"""

import base64
from collections.abc import Mapping
from math import inf
from typing import Any, Final

from bastaix.api import names
from bastaix.kube.cluster import METADATA_LIST, PAGE, Client, Counter
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Body, Name, name_of
from bastaix.reconcile.kinds import CONTROLLERREVISION, Kind

SECRET: Final = Kind("", "v1", "secrets", "Secret")
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
WHOLE_PAGE: Final = 2
"""ControllerRevisions in one answer: each may have 1 MiB."""
MOST_LISTED: Final = 100
"""Secrets of one ModelDeployment: in its namespace anybody may make more with its label."""
LISTED_PAGE: Final = 20
"""In one answer: the metadata of each may have 256 KiB of annotations."""

Metadata = Mapping[str, Any]


class KubeSecrets:
    """`source.cluster.Secrets` over a Client."""

    def __init__(self, client: Client, count: Counter) -> None:
        self._client = client
        self._count = count

    async def metadata(self, name: Name) -> Metadata | None:
        body = await self._get(name, accept=METADATA)
        return None if body is None else body["metadata"]

    async def data(self, name: Name) -> Mapping[str, bytes] | None:
        body = await self._get(name)
        if body is None:
            return None
        return {key: base64.b64decode(text) for key, text in (body.get("data") or {}).items()}

    async def secret(self, name: Name) -> Body | None:
        return await self._get(name)

    async def artifacts(self, owner: Name) -> list[Metadata]:
        found = await self._listed(SECRET, owner, METADATA_LIST, LISTED_PAGE, MOST_LISTED)
        return [item["metadata"] for item in found]

    async def in_use(self, owner: Name) -> frozenset[str]:
        found = await self._listed(CONTROLLERREVISION, owner, METADATA_LIST, PAGE)
        return frozenset(item["metadata"]["labels"][names.ARTIFACT_LABEL] for item in found)

    async def revisions(self, owner: Name) -> list[Body]:
        return await self._listed(CONTROLLERREVISION, owner, "application/json", WHOLE_PAGE)

    async def create(self, manifest: Mapping[str, Any]) -> str | None:
        path = SECRET.path(manifest["metadata"]["namespace"])
        self._count(SECRET.name, "create")
        try:
            made = await self._client.request(
                "POST",
                path,
                manifest,
                query={"fieldManager": names.SOURCE_FIELD_MANAGER},
                accept=METADATA,
            )
        except Refused as refused:
            if (refused.status, refused.reason) != (409, "AlreadyExists"):
                raise
            return None
        return str(made["metadata"]["uid"])

    async def delete(self, metadata: Metadata) -> None:
        self._count(SECRET.name, "delete")
        options = {"preconditions": {"uid": metadata["uid"]}}
        try:
            await self._client.request("DELETE", SECRET.path(*name_of(metadata)), options)
        except Refused as refused:
            if refused.status not in (404, 409):
                raise

    async def _get(self, name: Name, accept: str = "application/json") -> Body | None:
        try:
            return await self._client.request("GET", SECRET.path(*name), accept=accept)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    async def _listed(
        self, kind: Kind, owner: Name, accept: str, page_size: int, most: float = inf
    ) -> list[Body]:
        """What carries one ModelDeployment's name and names an artifact, page by page."""
        namespace, name = owner
        selector = f"{names.NAME_LABEL}={name},{names.ARTIFACT_LABEL}"
        query = {"labelSelector": selector, "limit": str(page_size)}
        found: list[Body] = []
        while True:
            page = await self._client.request(
                "GET", kind.path(namespace), query=query, accept=accept
            )
            found += page["items"] or ()
            more = page["metadata"].get("continue")
            if not more or len(found) >= most:
                return found
            query["continue"] = more
