"""Kubernetes Events on a ModelDeployment, so that `kubectl describe` tells its story.

Written when readiness changes its reason and at no other time. An Event is a courtesy:
when it cannot be written that is logged, and nothing else comes of it.
"""

import logging
import secrets
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from bastaix.api import names
from bastaix.kube.cluster import Client
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import Kind

EVENT: Final = Kind("events.k8s.io", "v1", "events", "Event")
LONGEST_NOTE: Final = 1000

logger = logging.getLogger(__name__)


class EventWriter:
    """`reconcile.cluster.Recorder` over a Client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._instance = socket.gethostname()[:128]

    async def record(self, body: Mapping[str, Any], *, reason: str, note: str, good: bool) -> None:
        metadata = body["metadata"]
        manifest = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{metadata['name']}.{secrets.token_hex(8)}",
                "namespace": metadata["namespace"],
            },
            "eventTime": datetime.now(UTC).isoformat(timespec="microseconds"),
            "reportingController": names.FIELD_MANAGER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": reason,
            "type": "Normal" if good else "Warning",
            "note": note[:LONGEST_NOTE],
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }
        try:
            await self._client.request("POST", EVENT.path(metadata["namespace"]), manifest)
        except (Refused, aiohttp.ClientError, TimeoutError) as error:
            logger.warning(
                "the Event %s on %s/%s was not written: %s",
                reason,
                metadata["namespace"],
                metadata["name"],
                error,
            )
