"""How a Pod of Ray ends, so that a connection that a client has kept open is closed and not cut.

By itself `ray start` needs its whole grace period: it ends the replicas in the first ten seconds,
while the proxy goes on taking requests that nobody will answer. Here everything goes on for a
while; then the proxy is ended at once, which closes what is left, and Ray with it. A proxy that
sees the file closes its connections meanwhile, each after an answer (see `in_pod.bastaix_proxy`).
"""

from typing import Any, Final

DRAINING_FILE: Final = "/tmp/draining"
"""In the container, once its Pod is to end: a head has a proxy too."""
CLOSING_SECONDS: Final = 10
GRACE_SECONDS: Final = CLOSING_SECONDS + 6

_PROXY: Final = "ray::ProxyActor"
_RAYLET: Final = "[^ ]*/raylet/raylet"
_GCS: Final = "[^ ]*/gcs/gcs_server"


def of_worker() -> dict[str, Any]:
    return _before_the_end(
        f"touch {DRAINING_FILE}", f"sleep {CLOSING_SECONDS}", _killed(_PROXY, _RAYLET)
    )


def of_head() -> dict[str, Any]:
    """Replicas need it for as long as they answer, so it ends a little later."""
    return _before_the_end(
        f"touch {DRAINING_FILE}",
        f"sleep {CLOSING_SECONDS}",
        _killed(_PROXY),
        "sleep 1",
        _killed(_RAYLET, _GCS),
    )


def _before_the_end(*steps: str) -> dict[str, Any]:
    """`ray start` ends when a process of its own has ended, unless SIGTERM comes first."""
    return {"preStop": {"exec": {"command": ["sh", "-c", "; ".join([*steps, "sleep 5"])]}}}


def _killed(*processes: str) -> str:
    found = f"grep -lasE '^({'|'.join(processes)})' /proc/[0-9]*/cmdline"
    return f"kill -9 $({found} | cut -d/ -f3)"
