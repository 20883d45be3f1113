"""What is known of the cluster, with old news, late answers and things that vanish."""

from typing import Any

import pytest

from bastaix.reconcile.index import Index
from bastaix.reconcile.kinds import MODELDEPLOYMENT, POD, RAYSERVICE

NAME = ("demo", "smollm2-1")
OWNER = ("demo", "smollm2")


def rayservice(version: int, uid: str = "u1", **fields: Any) -> dict[str, Any]:
    metadata = {
        "namespace": NAME[0],
        "name": NAME[1],
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"serving.bastaix.dev/name": OWNER[1]},
        "ownerReferences": [{"kind": "ModelDeployment", "uid": "u0", "controller": True}],
        "managedFields": [{"manager": "somebody"}],
    }
    return {"metadata": metadata, **fields}


def seen(index: Index) -> Any:
    body = index.body(RAYSERVICE, NAME)
    return None if body is None else body["metadata"]["resourceVersion"]


def test_what_was_told_is_known_by_its_owner_without_managed_fields() -> None:
    index = Index()
    assert index.told(RAYSERVICE, rayservice(1, spec={"a": 1}))
    assert index.owned(RAYSERVICE, OWNER) == [NAME]
    body = index.body(RAYSERVICE, NAME)
    assert body is not None
    assert body["spec"] == {"a": 1}
    assert "managedFields" not in body["metadata"]
    # a list says only once what it is of
    assert (body["apiVersion"], body["kind"]) == ("ray.io/v1", "RayService")


def test_the_same_version_again_is_no_news() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    assert not index.told(RAYSERVICE, rayservice(1))


def test_news_older_than_the_answer_to_a_write_is_ignored() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(9))
    index.told(RAYSERVICE, rayservice(12))  # what our write was answered with
    assert not index.told(RAYSERVICE, rayservice(11))
    assert seen(index) == "12"


def test_versions_are_compared_as_numbers() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(9))
    assert index.told(RAYSERVICE, rayservice(10))


def test_an_object_made_anew_under_the_name_is_another_one() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(9, uid="u1"))
    assert index.told(RAYSERVICE, rayservice(5, uid="u2"))
    assert seen(index) == "5"


def test_the_end_of_an_object_is_news_once_and_only_its_own() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1, uid="u2"))
    assert not index.ended(RAYSERVICE, rayservice(3, uid="u1"))
    assert seen(index) == "1"
    assert index.ended(RAYSERVICE, rayservice(4, uid="u2"))
    assert not index.ended(RAYSERVICE, rayservice(4, uid="u2"))
    assert index.owned(RAYSERVICE, OWNER) == []


def test_a_late_answer_does_not_bring_back_what_ended() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    index.ended(RAYSERVICE, rayservice(4))
    assert not index.told(RAYSERVICE, rayservice(3))
    assert not index.knows(RAYSERVICE, NAME)


def test_an_object_that_lost_our_label_may_come_back() -> None:
    """To a watch by label, an object that loses the label has ended."""
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    index.ended(RAYSERVICE, rayservice(4))
    assert index.told(RAYSERVICE, rayservice(5))


def test_what_is_not_ours_is_not_kept() -> None:
    index = Index()
    stranger = rayservice(1)
    stranger["metadata"]["labels"] = {}
    index.told(RAYSERVICE, stranger)
    assert not index.knows(RAYSERVICE, NAME)


def test_what_is_doubted_must_be_read() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    index.doubt(RAYSERVICE, NAME)
    assert index.knows(RAYSERVICE, NAME)
    assert index.body(RAYSERVICE, NAME) is None
    assert index.doubtful() == 1
    assert index.told(RAYSERVICE, rayservice(1))
    assert index.doubtful() == 0


def test_a_listing_brings_what_a_watch_missed_and_doubts_what_vanished() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    new = rayservice(7)["metadata"] | {"name": "smollm2-2", "uid": "u2"}
    index.listed(RAYSERVICE, [new], frozenset())
    assert index.owned(RAYSERVICE, OWNER) == [("demo", "smollm2-1"), ("demo", "smollm2-2")]
    assert index.doubtful() == 2
    index.absent(RAYSERVICE, NAME, index.known(RAYSERVICE, NAME))
    assert index.owned(RAYSERVICE, OWNER) == [("demo", "smollm2-2")]


def test_an_object_that_was_made_again_while_it_was_asked_for_stays() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    known = index.known(RAYSERVICE, NAME)
    again = rayservice(9)
    again["metadata"]["uid"] = "u2"
    index.told(RAYSERVICE, again)
    index.absent(RAYSERVICE, NAME, known)  # the answer to the request is of before
    assert index.body(RAYSERVICE, NAME) is not None


@pytest.mark.parametrize(("version", "doubted"), [(5, 0), (4, 0), (6, 1)])
def test_a_listing_doubts_only_what_it_has_newer(version: int, doubted: int) -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(5))
    index.listed(RAYSERVICE, [rayservice(version)["metadata"]], frozenset())
    assert index.doubtful() == doubted


def test_a_listing_of_some_namespaces_says_nothing_of_others() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(5))
    index.listed(RAYSERVICE, [], frozenset({"elsewhere"}))
    assert index.doubtful() == 0
    index.listed(RAYSERVICE, [], frozenset({"demo"}))
    assert index.doubtful() == 1


def test_a_kind_that_is_gone_takes_its_objects_along() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    index.told(POD, rayservice(1, uid="u2"))
    index.forget(RAYSERVICE)
    assert index.owned(RAYSERVICE, OWNER) == []
    assert index.owned(POD, OWNER) == [NAME]


def test_a_modeldeployment_owns_itself_without_a_label() -> None:
    index = Index()
    metadata = {"namespace": "demo", "name": "smollm2", "uid": "u", "resourceVersion": "1"}
    index.told(MODELDEPLOYMENT, {"metadata": metadata})
    assert index.names() == [OWNER]


def test_a_listing_tells_whose_objects_it_doubts() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    everywhere: frozenset[str] = frozenset()
    assert index.listed(RAYSERVICE, [rayservice(1)["metadata"]], everywhere) == set()
    assert index.listed(RAYSERVICE, [rayservice(2)["metadata"]], everywhere) == {OWNER}
    assert index.listed(RAYSERVICE, [], everywhere) == {OWNER}


def deployment(version: int, *, generation: int = 1, **status: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "demo",
        "name": OWNER[1],
        "uid": "u1",
        "resourceVersion": str(version),
        "generation": generation,
    }
    return {"metadata": metadata, "spec": {}, "status": status}


def condition(type: str, status: str = "True") -> dict[str, str]:
    return {"type": type, "status": status}


OURS = {"status": {"url": "x", "conditions": [condition("Ready")]}}


@pytest.mark.parametrize(
    ("after", "is_news"),
    [
        (deployment(3, url="x", conditions=[condition("Ready")]), False),
        (deployment(3, generation=2, url="x", conditions=[condition("Ready")]), True),
        (deployment(3, url="x", source={"a": 1}, conditions=[condition("Ready")]), True),
        (deployment(3, url="x", conditions=[condition("Ready"), condition("Other")]), True),
    ],
    ids=["ours alone", "another spec", "another's field", "another's condition"],
)
def test_what_others_wrote_before_the_answer_to_our_write_is_still_news_to_the_watch(
    after: dict[str, Any], is_news: bool
) -> None:
    index = Index()
    index.told(MODELDEPLOYMENT, deployment(1, conditions=[condition("Ready", "False")]))
    index.answered(MODELDEPLOYMENT, after, OURS)
    assert not index.told(MODELDEPLOYMENT, deployment(2, generation=2)), "it is older"
    assert index.told(MODELDEPLOYMENT, after) == is_news
    assert not index.told(MODELDEPLOYMENT, after), "once"


def test_a_status_that_came_with_the_answer_to_a_write_is_still_news() -> None:
    for status, is_news in (({}, False), ({"a": 1}, True)):
        index = Index()
        index.told(RAYSERVICE, rayservice(1, status={}))
        index.doubt(RAYSERVICE, NAME)
        written = rayservice(2, spec={"a": 1}, status=status)
        index.answered(RAYSERVICE, written, {"spec": {"a": 1}})
        assert index.told(RAYSERVICE, written) == is_news


def test_what_was_read_is_still_news_to_the_watch() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1))
    index.doubt(RAYSERVICE, NAME)
    index.answered(RAYSERVICE, rayservice(2))
    assert seen(index) == "2"
    assert index.told(RAYSERVICE, rayservice(2))


def test_another_write_of_ours_makes_nothing_known_that_nobody_has_heard_of() -> None:
    index = Index()
    index.told(MODELDEPLOYMENT, deployment(1))
    index.answered(MODELDEPLOYMENT, deployment(3, generation=2, url="x"), OURS)  # 2 is a user's
    index.answered(MODELDEPLOYMENT, deployment(4, generation=2, url="y"), OURS)
    assert index.told(MODELDEPLOYMENT, deployment(4, generation=2, url="y"))
    index.answered(MODELDEPLOYMENT, deployment(5, generation=2, url="z"), OURS)
    assert not index.told(MODELDEPLOYMENT, deployment(5, generation=2, url="z"))


def test_what_was_made_anew_under_a_name_is_still_news_to_the_watch() -> None:
    index = Index()
    index.told(RAYSERVICE, rayservice(1, uid="u1"))
    index.answered(RAYSERVICE, rayservice(9, uid="u2"), rayservice(9))
    assert index.told(RAYSERVICE, rayservice(9, uid="u2"))


def test_what_was_made_is_still_news_to_the_watch_whichever_of_the_two_comes_first() -> None:
    index = Index()
    index.answered(RAYSERVICE, rayservice(1), rayservice(1))
    assert index.told(RAYSERVICE, rayservice(1)), "the answer came first"
    assert not index.told(RAYSERVICE, rayservice(1)), "once"

    index = Index()
    assert index.told(RAYSERVICE, rayservice(1)), "the watch came first"
    index.answered(RAYSERVICE, rayservice(1), rayservice(1))
    assert not index.told(RAYSERVICE, rayservice(1)), "once"
