"""Secrets: the only code that touches them, and the source controller alone uses it.

Whether one is there, and which ones are ours, is asked by metadata, so that no contents travel
for it. What a credential Secret holds goes to whoever asked and is kept nowhere.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from bastaix.api import names
from bastaix.kube.cluster import METADATA_LIST, PAGE, Client, Counter
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.index import Name, name_of
from bastaix.reconcile.kinds import CONTROLLERREVISION, Kind

SECRET: Final = Kind("", "v1", "secrets", "Secret")
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
MERGE_PATCH: Final = "application/merge-patch+json"

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

    async def artifacts(self, owner: Name) -> list[Metadata]:
        return await self._listed(SECRET, owner)

    async def in_use(self, owner: Name) -> frozenset[str]:
        revisions = await self._listed(CONTROLLERREVISION, owner)
        return frozenset(each["labels"][names.ARTIFACT_LABEL] for each in revisions)

    async def create(self, manifest: Mapping[str, Any]) -> bool:
        path = SECRET.path(manifest["metadata"]["namespace"])
        self._count(SECRET.name, "create")
        try:
            await self._client.request(
                "POST", path, manifest, query={"fieldManager": names.SOURCE_FIELD_MANAGER}
            )
        except Refused as refused:
            if (refused.status, refused.reason) != (409, "AlreadyExists"):
                raise
            return False
        return True

    async def annotate(self, name: Name, annotations: Mapping[str, str | None]) -> None:
        self._count(SECRET.name, "patch")
        await self._client.request(
            "PATCH",
            SECRET.path(*name),
            {"metadata": {"annotations": annotations}},
            query={"fieldManager": names.SOURCE_FIELD_MANAGER},
            content_type=MERGE_PATCH,
            accept=METADATA,
        )

    async def delete(self, metadata: Metadata) -> None:
        self._count(SECRET.name, "delete")
        options = {"preconditions": {"uid": metadata["uid"]}}
        try:
            await self._client.request("DELETE", SECRET.path(*name_of(metadata)), options)
        except Refused as refused:
            if refused.status not in (404, 409):
                raise

    async def _get(self, name: Name, accept: str = "application/json") -> dict[str, Any] | None:
        try:
            return await self._client.request("GET", SECRET.path(*name), accept=accept)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    async def _listed(self, kind: Kind, owner: Name) -> list[Metadata]:
        """Metadata of what names an artifact of one ModelDeployment."""
        namespace, name = owner
        selector = f"{names.NAME_LABEL}={name},{names.ARTIFACT_LABEL}"
        query = {"labelSelector": selector, "limit": str(PAGE)}
        found: list[Metadata] = []
        while True:
            page = await self._client.request(
                "GET", kind.path(namespace), query=query, accept=METADATA_LIST
            )
            found += [item["metadata"] for item in page["items"] or ()]
            more = page["metadata"].get("continue")
            if not more:
                return found
            query["continue"] = more
