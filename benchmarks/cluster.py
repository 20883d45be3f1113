"""Seconds from nothing running to a Ready node with KubeRay available, everything cached."""

import time

from benchmarks.report import Figure, report
from cluster import lifecycle
from cluster.progress import Progress


def main() -> None:
    progress = Progress()
    lifecycle.up(progress)  # so that everything is cached
    lifecycle.down(progress)
    began = time.monotonic()
    lifecycle.up(progress)
    report("cluster", Figure("warm_cluster_up", time.monotonic() - began, "s"))


if __name__ == "__main__":
    main()
