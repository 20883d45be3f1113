"""Which addresses are an app's own?"""

from typing import Any

import pytest

from bastaix.observe.endpoints import endpoints
from tests.unit.bodies import with_field
from tests.unit.observe.scenes import HASH, pod, ready, scene


def worker(ip: str | None = "10.244.0.9", name: str = "w", **status: Any) -> dict[str, Any]:
    found = ready("worker", name)
    return {**found, "status": {**found["status"], "podIP": ip, **status}}


def ips(*pods: dict[str, Any]) -> list[str]:
    return [endpoint.ip for endpoint in endpoints(scene(pods=pods), HASH)]


def test_a_ready_worker_is_asked_at_its_address() -> None:
    (found,) = endpoints(scene(pods=(worker(),)), HASH)
    assert (found.pod, found.ip) == ("w", "10.244.0.9")
    assert ips(worker("fd00::7")) == ["fd00::7"]


@pytest.mark.parametrize(
    "ip",
    [
        None,
        "",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "224.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "metadata.google.internal",
        "10.0.0.1:9090",
        "10.0.0.1@evil.example",
        "127.1",
        "2130706433",
    ],
)
def test_what_is_no_address_of_a_pod_is_not_asked(ip: str | None) -> None:
    assert ips(worker(ip)) == []


def test_the_address_of_a_node_is_not_a_pods_own() -> None:
    assert ips(worker("10.0.0.1", hostIP="10.0.0.1")) == []
    assert ips(worker("fd00::1", hostIP="10.0.0.1", hostIPs=[{"ip": "fd00::1"}])) == []
    assert ips(with_field(worker("10.0.0.1"), "spec.hostNetwork", True)) == []


def test_only_what_is_ready_and_selected_is_asked() -> None:
    idle = {**pod("worker", "idle"), "status": {"podIP": "10.244.0.10"}}
    aside = with_field(worker("10.244.0.11", "aside"), "metadata.labels", {})
    head = {**ready("head"), "status": {**ready("head")["status"], "podIP": "10.244.0.12"}}
    unserved = worker("10.244.0.13", "unserved")
    unserved["metadata"]["labels"]["ray.io/serve"] = "false"
    assert ips(idle, aside, head, unserved, worker()) == ["10.244.0.9"]
