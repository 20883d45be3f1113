"""Everything that a machine lacks is named at once, each with what to do."""

from pathlib import Path

import pytest

from cluster import prerequisites
from cluster.prerequisites import GIB, Check, Missing


def test_all_problems_are_named_in_one_message() -> None:
    checks = (
        Check("root", lambda: "run it as root"),
        Check("Go", lambda: None),
        Check("disk", lambda: "free some"),
    )
    with pytest.raises(Missing) as caught:
        prerequisites.require(checks)
    assert "root: run it as root" in str(caught.value)
    assert "disk: free some" in str(caught.value)
    assert "Go" not in str(caught.value)


def test_a_machine_that_has_everything_passes() -> None:
    prerequisites.require((Check("Go", lambda: None),))


@pytest.mark.parametrize("version", ["go1.25", "go1.26.8", "go2.0", "devel +abc"])
def test_a_new_enough_go_is_no_problem(version: str) -> None:
    assert prerequisites.go_problem(version) is None


@pytest.mark.parametrize("version", [None, "go1.24.9", "go1.9"])
def test_no_go_or_an_old_one_says_which_to_install(version: str | None) -> None:
    assert "1.25" in str(prerequisites.go_problem(version))


def test_disk_that_our_own_caches_fill_counts_as_there() -> None:
    assert prerequisites.disk_problem(free=10 * GIB, used=25 * GIB) is None
    assert "BASTAIX_CACHE" in str(prerequisites.disk_problem(free=10 * GIB, used=0))


def test_a_cache_that_the_node_would_not_see_is_refused() -> None:
    for place in ("/run/cache", "/var/log/cache", "/var/lib/kubelet"):
        assert prerequisites.place_problem(Path(place), Path(place) / "node")


def test_a_cache_too_deep_for_a_socket_is_refused() -> None:
    deep = Path("/home") / ("x" * 100)
    assert "shorter" in str(prerequisites.place_problem(deep, deep / "node"))
    assert prerequisites.place_problem(Path("/home/a"), Path("/home/a/node")) is None
