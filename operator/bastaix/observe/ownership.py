"""What of the objects that bear our labels is really of one ModelDeployment. Pure.

Whoever may write in a namespace gives an object any label, and a copy keeps the owner of what it
was copied from. So an object is ours by the uid of what controls it, up to the ModelDeployment,
and by the name that the operator or KubeRay would have given it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bastaix.api import names
from bastaix.api.sizes import is_stub

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Family:
    """All objects that bear the label of one ModelDeployment, told apart."""

    rayservices: tuple[Object, ...]
    rayclusters: tuple[Object, ...]
    pods: tuple[Object, ...]
    jobs: tuple[Object, ...]
    controller_revisions: tuple[Object, ...]
    leftovers: tuple[Object, ...]
    """What seems to be of a revision whose RayService, or RayCluster, is gone."""
    strangers: tuple[Object, ...]
    """What bears the label and is neither."""


def controller_ref(obj: Object) -> Object:
    """The reference to the one owner that controls an object; an empty one if none does."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each for each in references if each.get("controller")), {})


def is_controlled_by(obj: Object, uid: str) -> bool:
    return bool(uid) and controller_ref(obj).get("uid") == uid


def revision_label(obj: Object) -> str | None:
    return _labels(obj).get(names.REVISION_LABEL)


def family(
    name: str,
    uid: str,
    *,
    rayservices: Iterable[Object] = (),
    rayclusters: Iterable[Object] = (),
    pods: Iterable[Object] = (),
    jobs: Iterable[Object] = (),
    controller_revisions: Iterable[Object] = (),
) -> Family:
    """Of the ModelDeployment of this name and uid; each kind keeps its order.

    Anybody can write an owner reference with a right uid as well. Such an object then takes the
    place that it claims, in the namespace where it is, and goes with the owner that it names.
    """
    pods, jobs = tuple(pods), tuple(jobs)
    # KubeRay and we make none that is too large
    whole = [pod for pod in pods if not is_stub(pod)]
    services = _named(rayservices, name, uid)
    clusters = _below(rayclusters, services, "RayService", name)
    ray_pods = _below(whole, clusters, "RayCluster")
    own_jobs = tuple(job for job in jobs if _is_evaluation(job, name, uid) and not is_stub(job))
    uids = {_uid(job) for job in own_jobs}
    of_jobs = tuple(pod for pod in ray_pods.others if controller_ref(pod).get("uid") in uids)
    revisions = _named(controller_revisions, name, uid)
    parties = (services, clusters, ray_pods, revisions)
    others = (obj for party in parties for obj in party.others)
    ended = (pod for pod in ray_pods.others if _is_of_evaluation(pod, name))
    known = {_uid(obj) for obj in (*own_jobs, *of_jobs, *ended)}
    return Family(
        rayservices=services.own,
        rayclusters=clusters.own,
        pods=(*ray_pods.own, *of_jobs),
        jobs=own_jobs,
        controller_revisions=revisions.own,
        leftovers=(*services.left, *clusters.left, *ray_pods.left),
        strangers=tuple(
            obj for obj in (*others, *filter(is_stub, pods), *jobs) if _uid(obj) not in known
        ),
    )


@dataclass(frozen=True)
class _Party:
    """The objects of one kind."""

    own: tuple[Object, ...]
    left: tuple[Object, ...]
    others: tuple[Object, ...]


def _named(objects: Iterable[Object], name: str, uid: str) -> _Party:
    """RayServices or ControllerRevisions: controlled by it, and named after their revision.

    Those of a ModelDeployment that had this name before are left over.
    """
    own, left, others = [], [], []
    for obj in objects:
        owner, revision = controller_ref(obj), revision_label(obj) or ""
        if obj["metadata"]["name"] != names.rayservice_name(name, revision):
            others.append(obj)
        elif is_controlled_by(obj, uid):
            own.append(obj)
        elif owner.get("kind") == names.KIND and owner.get("name") == name:
            left.append(obj)
        else:
            others.append(obj)
    return _Party(tuple(own), tuple(left), tuple(others))


def _below(objects: Iterable[Object], owners: _Party, kind: str, name: str | None = None) -> _Party:
    """What these control, with the label of the revision that KubeRay copies from them.

    An owner is gone before what it owns, so it counts as left over by the owner's kind, and by
    its name where that follows from the revision; but not where the owner is somebody else's.
    """
    revisions = {_uid(owner): revision_label(owner) for owner in owners.own}
    foreign = {_uid(owner) for owner in owners.others} | revisions.keys()
    own, left, others = [], [], []
    for obj in objects:
        owner, revision = controller_ref(obj), revision_label(obj)
        uid, wanted = owner.get("uid"), owner.get("name")
        if name is not None:
            wanted = names.rayservice_name(name, revision or "")
        is_like_ours = (owner.get("kind"), owner.get("name")) == (kind, wanted)
        if uid in revisions and revisions[uid] == revision:
            own.append(obj)
        elif is_like_ours and revision is not None and uid not in foreign:
            left.append(obj)
        else:
            others.append(obj)
    return _Party(tuple(own), tuple(left), tuple(others))


def _is_evaluation(job: Object, name: str, uid: str) -> bool:
    return is_controlled_by(job, uid) and job["metadata"]["name"] == _evaluation(job, name)


def _is_of_evaluation(pod: Object, name: str) -> bool:
    """Its Job may have gone before it."""
    owner = controller_ref(pod)
    return owner.get("kind") == "Job" and owner.get("name") == _evaluation(pod, name)


def _evaluation(obj: Object, name: str) -> str:
    return names.evaluation_name(name, _labels(obj).get(names.EVALUATION_LABEL, ""))


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}
