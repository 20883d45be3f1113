"""Whether the code of a spec may be started, as the source controller says in the status.

An answer counts for what it is an answer to, so it is told by the verification key and not by
the generation: a change of scaling asks nobody anew.
"""

from typing import Final

from bastaix.api import reasons
from bastaix.api.conditions import SOURCE_VERIFIED, find_condition
from bastaix.api.errors import Stalled, Waiting
from bastaix.api.sources import is_code_verified, verification_key
from bastaix.api.v1alpha1 import ModelDeployment, Source

# Whatever the source controller writes wakes the operator; this is for what is never written.
SOURCE_SECONDS: Final = 600.0


def verified(md: ModelDeployment) -> str | None:
    """The digest of the artifact to start, None when the code is in the image.

    Raises what the source controller found wrong, or that it has not answered yet.
    """
    if verification_key(md.spec) is None:
        return None
    source = md.status.get("source") or {}
    condition = find_condition(md.status.get("conditions") or (), SOURCE_VERIFIED) or {}
    status, is_verified = condition.get("status"), is_code_verified(source, md.spec)
    # another data set is looked at while what runs, of the same code, goes on
    if status in ("True", "Unknown") and "digest" in source and is_verified:
        return str(source["digest"])
    if status != "True" and condition.get("observedGeneration") == md.generation:
        # one of a newer source controller may be unknown here
        reason = reasons.BY_NAME.get(condition["reason"], reasons.FETCHING_SOURCE)
        message = reasons.evidence(reason, condition["message"])
        if reason.heals == "never":
            raise Stalled(reason, message)
        raise Waiting(reason, message, SOURCE_SECONDS)
    message = f"waiting for the source controller to fetch and check {_called(md.spec.source)}"
    raise Waiting(reasons.FETCHING_SOURCE, message, SOURCE_SECONDS)


def _called(source: Source) -> str:
    """Without an address, which need not be fit to be shown."""
    if source.archive is not None:
        return f"the archive with sha256 {source.archive.sha256[:12]}"
    return f"commit {(source.commit or '')[:12]}"
