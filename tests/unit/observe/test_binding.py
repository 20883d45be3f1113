"""A claim that is there and not bound is a phase of a start; one that is not there is a failure."""

from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.observe import binding
from bastaix.observe.diagnose import diagnose
from bastaix.observe.mounting import LATE_SECONDS, MOST_PODS, complaint
from bastaix.observe.pods import refused
from tests.unit.observe.scenes import HASH, NOW, UP, pod, rayservice, scene

UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
"""Word for word of Kubernetes 1.35, in a start in which all went well."""
ABSENT = '0/1 nodes are available: persistentvolumeclaim "data" not found. not found'
CREATED = {"creationTimestamp": "2026-01-01T11:59:50Z", "uid": "one"}


def claiming(message: str | None = None, *names: str) -> dict[str, Any]:
    """A head Pod with these claims, of which the scheduler says this; None: nothing yet."""
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    found = pod("head", conditions=[] if message is None else [{**unplaced, "message": message}])
    volumes = [{"persistentVolumeClaim": {"claimName": name}} for name in names or ("models",)]
    metadata = {**found["metadata"], **CREATED}
    return {**found, "metadata": metadata, "spec": {**found["spec"], "volumes": volumes}}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (UNBOUND, reasons.BINDING_VOLUME),
        (
            "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
            reasons.BINDING_VOLUME,
        ),
        (ABSENT, reasons.VOLUME_MISSING),
        (
            '0/1 nodes are available: persistentvolumeclaim "data" is being deleted.',
            reasons.VOLUME_MISSING,
        ),
        (
            '0/1 nodes are available: persistentvolumeclaim "data" bound to non-existent'
            ' persistentvolume "v".',
            reasons.VOLUME_MISSING,
        ),
        (
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            reasons.VOLUME_MISSING,
        ),
        (
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't find available"
            " persistent volumes to bind.",
            reasons.UNSCHEDULABLE,
        ),
    ],
)
def test_what_the_scheduler_says_of_claims_is_read_by_its_words(
    message: str, reason: Reason
) -> None:
    found = diagnose(scene(rayservice=rayservice(), pods=(claiming(message),), **UP), HASH)
    assert found.reason is reason


@pytest.mark.parametrize("message", [UNBOUND, ABSENT])
def test_what_the_scheduler_adds_of_preemption_is_cut(message: str) -> None:
    found = diagnose(scene(rayservice=rayservice(), pods=(claiming(message),), **UP), HASH)
    assert found.message == f"head Pod p-head: {message.removesuffix('. not found')}"


def test_a_claim_that_is_not_bound_is_told_by_its_name_before_the_scheduler_says_a_word() -> None:
    said = "claim models of storage class fast is not bound yet"
    observed = scene(
        rayservice=rayservice(), pods=(claiming(),), unbound={"one": said}, at=NOW, **UP
    )
    found = diagnose(observed, HASH)
    assert (found.reason, found.object) == (reasons.BINDING_VOLUME, "Pod/p-head")
    assert found.message == f"head Pod p-head: {said}"


def test_why_no_volume_is_made_is_told_by_the_newest_event_that_says_it() -> None:
    claim = {"metadata": {"name": "models"}, "spec": {"storageClassName": "fast"}}
    events = [
        {"reason": "ProvisioningFailed", "message": "no such pool", "lastTimestamp": "2"},
        {"reason": "ProvisioningFailed", "message": "timed out", "lastTimestamp": "1"},
        {"reason": "ExternalProvisioning", "message": "waiting", "lastTimestamp": "3"},
    ]
    plain = "claim models of storage class fast is not bound yet"
    assert binding.complaint(claim, events) == f"{plain}: ProvisioningFailed: no such pool"
    assert binding.complaint(claim, events[2:]) == plain
    assert binding.complaint({"metadata": {"name": "a"}}, []) == "claim a is not bound yet"


@pytest.mark.parametrize(
    ("given", "is_wanted"),
    [
        (claiming(), True),
        (claiming(UNBOUND), True),
        (claiming(ABSENT), False),
        (claiming("0/1 nodes are available: 1 Insufficient cpu."), False),
        ({**claiming(), "metadata": {**claiming()["metadata"], "deletionTimestamp": "x"}}, False),
        ({**claiming(), "spec": {}}, False),
        (
            {**claiming(), "status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}},
            False,
        ),
    ],
)
def test_claims_are_read_for_pods_that_may_wait_for_one_alone(
    given: dict[str, Any], is_wanted: bool
) -> None:
    assert [waited for _, waited in binding.wanted(scene(pods=(given,)), NOW)] == (
        [10.0] if is_wanted else []
    )


def test_of_many_pods_and_claims_a_few_are_read() -> None:
    many = claiming(None, *map(str, range(20)))
    assert len(binding.claims(many)) == binding.MOST_CLAIMS
    assert len(list(binding.wanted(scene(pods=(many,) * 20), NOW))) == MOST_PODS


def test_what_kubernetes_puts_into_a_new_namespace_a_moment_later_is_waited_for() -> None:
    said = 'MountVolume.SetUp failed for volume "x" : configmap "kube-root-ca.crt" not found'
    event = {"reason": "FailedMount", "message": said}
    assert complaint([event], 5) is None
    assert complaint([event], LATE_SECONDS) == said
    account = 'pods "x" is forbidden: error looking up service account demo/default: serviceaccount'
    assert refused(f'{account} "default" not found').reason is reasons.STARTING_RAY
    assert refused(f'{account} "mine" not found').reason is reasons.ADMISSION_DENIED


def test_a_claim_by_a_name_that_no_object_has_is_not_asked_for() -> None:
    given = claiming(UNBOUND, "..", ".", "", "a/b", "Data", "models")
    assert binding.claims(given) == ("models",)
