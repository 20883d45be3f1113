"""JSON of the API server, measured on its text before anything is made of it. Pure.

`[{},{},…]` takes 25 times its bytes as Python objects, and what is nested a thousand times ends
json.loads (Python 3.11). Of what is beyond the bounds there is a stub: what is small of it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bastaix.api import names
from bastaix.api.sizes import LARGE, PACKED, Limit
from bastaix.observe.ownership import controller_ref

Body = dict[str, Any]

LONGEST_PART: Final = 128 * 1024
LONGEST_ANNOTATION: Final = 64 * 1024
"""Characters of one of ours; the API server allows 256 KiB of all together."""

LABELS: Final = frozenset(
    {
        *(names.MANAGED_BY_LABEL, names.NAME_LABEL, names.REVISION_LABEL),
        *(names.EVALUATION_LABEL, names.ARTIFACT_LABEL),
        *(names.RAY_NODE_TYPE_LABEL, names.RAY_SERVE_LABEL),
    }
)
"""That are read. The API server bounds the length of a label, and not their number."""
_BRIEF: Final = frozenset(
    {
        *("name", "namespace", "uid", "resourceVersion", "generation"),
        *("creationTimestamp", "deletionTimestamp"),
    }
)
_PART: Final = Limit(64 * 1024, 5_000)
"""Of a stub one field of its spec, or of its data."""
_DECODER: Final = json.JSONDecoder()
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]]')
_BLANK: Final = re.compile(r"[\s,:]*")


def in_brief(metadata: Mapping[str, Any]) -> Body:
    """By what objects are told apart: without the labels, owners and annotations of others."""
    found = {key: value for key, value in metadata.items() if key in _BRIEF}
    labels = metadata.get("labels")
    if labels:
        found["labels"] = {key: labels[key] for key in sorted(LABELS & labels.keys())}
    controller = controller_ref({"metadata": metadata})
    if controller:
        found["ownerReferences"] = [controller]
    return found


def read_answer(data: bytes, limit: Limit = LARGE) -> Any:
    """JSON that the API server sent; objects beyond the limit are reduced, also in a list.

    ValueError: it is no JSON.
    """
    if limit.allows(data):
        return json.loads(data)
    text = data.decode(errors="replace")
    found: Body = {}
    for key, start, end in members(text, 0, apart="items"):
        if key == "items" and text[start] == "{":
            found.setdefault(key, []).append(read_answer(text[start:end].encode(), limit))
        elif key == "metadata" and '"uid":' in text[start:end]:
            return reduced(text, limit)
        elif end - start <= LONGEST_PART:
            found[key] = read_answer(text[start:end].encode())
    return found if "items" in found else reduced(text, limit)


def metadata_of(text: str) -> Body | None:
    """Of an object: in brief, with our annotations; None: it has been cut off before."""
    try:
        for key, start, _ in members(text, 0):
            if key == "metadata":
                return _metadata(text, start)
    except json.JSONDecodeError:
        pass
    return None


def reduced(text: str, limit: Limit) -> Body:
    """An object without what others have added to its metadata; a stub if that is too large, too.

    A stub has what is small: the fields of its spec or its data that are, and its status, which
    is None if that is too large or may be behind a place where the text has been cut off.
    ValueError: no name is in it.
    """
    parts: dict[str, str] = {}
    metadata, is_cut = Body(), False
    try:
        for key, start, end in members(text, 0):
            if key == "metadata":
                metadata = _metadata(text, start)
            else:
                parts[key] = text[start:end]
    except json.JSONDecodeError:
        is_cut = True
    if not {"name", "uid", "resourceVersion"} <= metadata.keys():
        raise ValueError("an object that is too large, and cut off before its name")
    if not is_cut and limit.allows(",".join(parts.values()).encode()):
        return {"metadata": metadata, **{key: json.loads(part) for key, part in parts.items()}}
    found: Body = {"metadata": metadata, PACKED: ""}
    for key, part in parts.items():
        if key == "status":
            found[key] = json.loads(part) if limit.allows(part.encode()) else None
        elif key in ("kind", "apiVersion"):
            found[key] = json.loads(part)
        elif part.startswith("{"):
            found[key] = _small_members(part)
    if is_cut:
        found.setdefault("status", None)
    return found


def members(text: str, at: int, *, apart: str = "") -> Iterator[tuple[str, int, int]]:
    """The members of the map or list that begins there: key, and where the value begins and ends.

    Their values are looked at one by one, and nothing of them is kept; those of the list under
    the key `apart` come one by one as well. JSONDecodeError: it is no JSON, or has been cut off.
    """
    if text[at : at + 1] not in ("{", "["):
        raise json.JSONDecodeError("neither a map nor a list", text, at)
    is_map, at = text[at] == "{", at + 1
    while text[(at := _after_blank(text, at)) : at + 1] not in ("}", "]"):
        key = ""
        if is_map:
            key, at = _DECODER.raw_decode(text, at)
            at = _after_blank(text, at)
        if apart and key == apart and text[at : at + 1] == "[":
            for _, start, end in members(text, at):
                yield key, start, end
                at = end
            at = text.index("]", at) + 1
            continue
        end = _end(text, at)
        yield key, at, end
        at = end


def _metadata(text: str, at: int) -> Body:
    found: Body = {}
    annotations: dict[str, Any] = {}
    for key, start, end in members(text, at):
        if key in _BRIEF or key in ("labels", "ownerReferences"):
            found[key] = json.loads(text[start:end])
        elif key == "annotations" and text[start] == "{":
            for name, a, z in members(text, start):
                if name.startswith(names.GROUP) and z - a <= LONGEST_ANNOTATION:
                    annotations[name] = json.loads(text[a:z])
    brief = in_brief(found)
    return {**brief, "annotations": annotations} if annotations else brief


def _small_members(text: str) -> Body:
    found, left = Body(), LONGEST_PART
    for key, start, end in members(text, 0):
        part = text[start:end]
        if len(part) <= left and _PART.allows(part.encode()):
            found[key] = json.loads(part)
            left -= len(part)
    return found


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _end(text: str, at: int) -> int:
    """Where the value ends that begins there."""
    try:
        return _DECODER.raw_decode(text, at)[1]
    except RecursionError:
        pass
    depth = 0
    for token in _TOKEN.finditer(text, at):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    raise json.JSONDecodeError("it has been cut off", text, at)
