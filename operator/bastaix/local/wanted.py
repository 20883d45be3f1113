"""Which ModelDeployment of a file is meant, and whether the cluster would take it in."""

from bastaix import check
from bastaix.api import names, reasons
from bastaix.api.errors import Stalled
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.local.account import Say
from bastaix.schema.crd import examine
from bastaix.schema.documents import Body, Unusable, refuse_templates
from bastaix.schema.documents import read as read_documents


def read(given: check.Given, name: str | None, say: Say) -> tuple[ModelDeployment, list[Body]]:
    """The one that is meant, and all objects of the file.

    Unusable: there is none, or it is not clear which. Stalled: the API server would refuse it.
    """
    bodies = read_documents(given.text, given.name)
    body = _one([each for each in bodies if each.get("kind") == names.KIND], given.name, name)
    refuse_templates(body)
    say(f"{names.KIND} {_name(body) or 'without a name'}")
    found = examine(body, check.rules_at_hand(say))
    for violation in found:
        say(f"  {violation}")
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise Stalled(reasons.INVALID_SPEC, f"{found[0]}{more}")
    return check.read(body), bodies


def _one(bodies: list[Body], file: str, name: str | None) -> Body:
    if not bodies:
        raise Unusable(f"there is no {names.KIND} in {file}")
    found = [each for each in bodies if name is None or _name(each) == name]
    if len(found) == 1:
        return found[0]
    there = ", ".join(_name(each) or "one without a name" for each in bodies)
    if not found:
        raise Unusable(f"there is no {names.KIND} {name} in {file}, which holds {there}")
    raise Unusable(f"{file} holds several of kind {names.KIND}, say which with --name: {there}")


def _name(body: Body) -> str | None:
    metadata = body.get("metadata")
    return metadata.get("name") if isinstance(metadata, dict) else None
