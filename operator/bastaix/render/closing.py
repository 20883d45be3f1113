"""How a Pod of Ray ends, so that a connection that a client has kept open is closed and not cut.

By itself `ray start` needs its whole grace period: it ends the replicas in the first ten seconds,
while the proxy goes on taking requests that nobody will answer. Here everything goes on for a
while; then the proxy is ended at once, which closes what is idle, and Ray with it. An app that
sees the file may close its connections meanwhile, each after an answer.
"""

from typing import Any, Final

DRAINING_FILE: Final = "/tmp/draining"
"""In a worker's container, once its Pod is to end."""
CLOSING_SECONDS: Final = 10
HEAD_SECONDS: Final = CLOSING_SECONDS + 2
"""Replicas need the head for as long as they answer."""
GRACE_SECONDS: Final = HEAD_SECONDS + 8


def of_worker() -> dict[str, Any]:
    return _before_the_end(
        f"touch {DRAINING_FILE}; sleep {CLOSING_SECONDS}", "ray::ProxyActor", "[^ ]*/raylet/raylet"
    )


def of_head() -> dict[str, Any]:
    return _before_the_end(f"sleep {HEAD_SECONDS}", "[^ ]*/raylet/raylet", "[^ ]*/gcs/gcs_server")


def _before_the_end(first: str, *processes: str) -> dict[str, Any]:
    """`ray start` ends by itself when one of its own has ended."""
    found = f"grep -lasE '^({'|'.join(processes)})' /proc/[0-9]*/cmdline"
    command = f"{first}; kill -9 $({found} | cut -d/ -f3)"
    return {"preStop": {"exec": {"command": ["sh", "-c", command]}}}
