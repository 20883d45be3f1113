"""The request series that vLLM exports under Ray, by the same names and labels.

So dashboards, alerts and goals written for a model can be tried without one. Ray puts `ray_`
before each name. Everything else (requests, errors, replicas) Ray Serve itself counts.
"""

from collections.abc import AsyncIterator
from time import monotonic

from ray.serve import get_replica_context
from ray.util.metrics import Gauge, Histogram

TO_FIRST_TOKEN = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10]
WHOLE_REQUEST = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 60, 120]


class Series:
    """Measures a replica's answers while they are given."""

    def __init__(self, model: str) -> None:
        labels = {
            "model_name": model,
            "engine": "0",
            "ReplicaId": get_replica_context().replica_id.unique_id,
        }
        keys = tuple(labels)
        self._first = Histogram(
            "vllm_time_to_first_token_seconds",
            description="Time to the first token in seconds.",
            boundaries=TO_FIRST_TOKEN,
            tag_keys=keys,
        ).set_default_tags(labels)
        self._whole = Histogram(
            "vllm_e2e_request_latency_seconds",
            description="Time from a request to the last token in seconds.",
            boundaries=WHOLE_REQUEST,
            tag_keys=keys,
        ).set_default_tags(labels)
        self._running = Gauge(
            "vllm_num_requests_running",
            description="Requests that are being answered.",
            tag_keys=keys,
        ).set_default_tags(labels)
        self._count = 0
        self._running.set(0)

    async def measured(self, tokens: AsyncIterator[str]) -> AsyncIterator[str]:
        """The same tokens; a client that goes away early ends the measuring too."""
        begun, waiting = monotonic(), True
        self._change(+1)
        try:
            async for token in tokens:
                if waiting:
                    self._first.observe(monotonic() - begun)
                    waiting = False
                yield token
            self._whole.observe(monotonic() - begun)
        finally:
            self._change(-1)

    def _change(self, by: int) -> None:
        self._count += by
        self._running.set(self._count)
