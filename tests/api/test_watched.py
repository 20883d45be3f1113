"""A watch of the benchmarks on a real API server."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.watched import Watch, WatchError, current, seconds_without_endpoint
from cluster.control_plane import ControlPlane
from tests.api.conftest import Kubectl
from tests.api.operator_process import until

LABELS = {"kubernetes.io/service-name": "watched"}


def endpoint_slice(*, ready: bool) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "watched", "namespace": "default", "labels": LABELS},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": ready}}],
    }


def test_a_watch_tells_what_is_there_and_each_change(
    control_plane: ControlPlane, kubectl: Kubectl
) -> None:
    def apply(*, ready: bool) -> None:
        kubectl("apply", "--filename=-", manifest=endpoint_slice(ready=ready))

    apply(ready=False)
    selector = "kubernetes.io/service-name=watched"
    with Watch(
        "endpointslices", "default", selector=selector, kubeconfig=control_plane.kubeconfig
    ) as slices:
        until(lambda: len(slices.events) == 1, "what was there")
        apply(ready=True)
        until(lambda: len(slices.events) == 2, "a change")
        assert current(slices.events)["watched"]["endpoints"][0]["conditions"] == {"ready": True}
        kubectl("delete", "endpointslice", "watched")
        until(lambda: len(slices.events) == 3, "the deletion")
        assert not current(slices.events)
        there, changed, gone = slices.events
    assert there.labels == LABELS
    assert there.at < changed.at < gone.at
    assert seconds_without_endpoint([there, changed, gone], there.at, gone.at + 1) == pytest.approx(
        changed.at - there.at + 1
    )


def test_a_watch_that_ended_says_why(tmp_path: Path) -> None:
    with Watch("pods", "default", kubeconfig=tmp_path / "none") as watch:

        def told() -> bool:
            return bool(watch.events)

        with pytest.raises(WatchError, match="the watch of pods ended; kubectl said error"):
            until(told, "the end of the watch")
