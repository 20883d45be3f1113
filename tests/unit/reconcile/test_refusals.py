"""What a refusal of the API server means: whether it may be withdrawn, and by whom."""

import pytest

from bastaix.api import reasons
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.reasons import Reason
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.refusals import explained

WEBHOOK = 'admission webhook "policy.acme.com" denied the request: no GPUs on Sundays'
POLICY = "rayservices \"a\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no"


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (400, WEBHOOK, Waiting, reasons.ADMISSION_DENIED),
        (403, WEBHOOK, Waiting, reasons.ADMISSION_DENIED),
        (422, POLICY, Waiting, reasons.ADMISSION_DENIED),
        (422, "spec.x: Invalid value", Stalled, reasons.RAYSERVICE_REFUSED),
        (400, "field not declared in schema", Waiting, reasons.KUBERAY_UNSUPPORTED),
        (403, "rayservices is forbidden: User cannot patch", Waiting, reasons.API_REFUSED),
    ],
)
def test_a_refusal_that_somebody_may_withdraw_is_waited_for(
    status: int, message: str, kind: type, reason: Reason
) -> None:
    found = explained(Refused(status, "Invalid", message))
    assert isinstance(found, kind)
    assert found.finding.reason is reason


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_trouble_of_the_api_servers_own_is_none_of_the_rayservice(status: int) -> None:
    assert explained(Refused(status, "", "later")) is None


def test_what_cannot_be_written_since_its_namespace_has_gone_is_no_bug() -> None:
    assert Refused(404, "NotFound", 'namespaces "demo" not found').is_transient
    assert not Refused(404, "NotFound", 'services "echo" not found').is_transient
