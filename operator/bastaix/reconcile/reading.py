"""JSON of the API server, measured on its text before anything is made of it. Pure.

`[{},{},…]` takes 25 times its bytes as Python objects, and what is nested a thousand times ends
json.loads (Python 3.11). Of what is beyond the bounds there is a stub: what is small of it. The
rest is passed over as bytes: to decode it would stop the event loop for up to a second.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bastaix.api import names
from bastaix.api.sizes import DEEPEST, LARGE, PACKED, PLAIN, STRING, Limit, nested, weight
from bastaix.observe.ownership import controller_ref

Body = dict[str, Any]
Member = tuple[str, int, int]
"""Of a map: its key, and where its value begins and ends in the text."""

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
_DIVIDED: Final = frozenset({"spec", "data"})
_PART: Final = Limit(64 * 1024, 5_000)
"""Of a stub one field of its spec, or of its data."""
_SCALAR: Final = re.compile(STRING + rb"|[-+.\w]++", re.DOTALL)
_RUN: Final = re.compile(rb"(?:" + PLAIN + rb")*+([{\[]++|[}\]]++)", re.DOTALL)
"""Brackets that open, or that close, after what is none."""
_BLANK: Final = re.compile(rb"[\s,:]*+")
_NESTED: Final = nested(DEEPEST)


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
    found: Body = {}
    for key, start, end in members(data, 0, apart="items"):
        if key == "items" and data[start : start + 1] == b"{":
            found.setdefault(key, []).append(read_answer(data[start:end], limit))
        elif key == "metadata" and data.find(b'"uid":', start, end) >= 0:
            return reduced(data, limit)
        elif end - start <= LONGEST_PART:
            found[key] = read_answer(data[start:end])
    return found if "items" in found else reduced(data, limit)


def metadata_of(data: bytes) -> Body | None:
    """Of an object: in brief, with our annotations; None: it has been cut off before."""
    try:
        for key, start, _ in members(data, 0):
            if key == "metadata":
                return _metadata(data, start)
    except json.JSONDecodeError:
        pass
    return None


def weight_of(data: bytes) -> int:
    """About how many bytes an object takes, without what others may have added to its metadata."""
    for key, start, end in members(data, 0):
        if key == "metadata":
            return weight(data) - weight(data[start:end])
    return weight(data)


def reduced(data: bytes, limit: Limit) -> Body:
    """An object without what others have added to its metadata; a stub if that is too large, too.

    A stub has what is small: the fields of its spec or its data that are, and its status, which
    is None if that is too large or may be behind a place where the text has been cut off.
    ValueError: no name is in it.
    """
    parts: dict[str, bytes] = {}
    fields: dict[str, Sequence[Member]] = {}
    metadata, is_cut = Body(), False

    def end_of(key: str, at: int) -> int:
        """Passes over what is divided into fields once, as it may be all there is."""
        if key not in _DIVIDED or data[at : at + 1] != b"{":
            return _end(data, at)
        found = fields[key] = tuple(members(data, at))
        return data.index(b"}", found[-1][2] if found else at) + 1

    try:
        for key, start, end in members(data, 0, end_of=end_of):
            if key == "metadata":
                metadata = _metadata(data, start)
            else:
                parts[key] = data[start:end]
    except json.JSONDecodeError:
        is_cut = True
    if not {"name", "uid", "resourceVersion"} <= metadata.keys():
        raise ValueError("an object that is too large, and cut off before its name")
    if not is_cut and _allows(limit, parts):
        return {"metadata": metadata, **{key: json.loads(part) for key, part in parts.items()}}
    found: Body = {"metadata": metadata, PACKED: ""}
    for key, part in parts.items():
        if key == "status":
            found[key] = json.loads(part) if limit.allows(part) else None
        elif key in ("kind", "apiVersion"):
            found[key] = json.loads(part)
        elif key in fields:
            found[key] = _small_members(data, fields[key])
    if is_cut:
        found.setdefault("status", None)
    return found


def members(
    data: bytes, at: int, *, apart: str = "", end_of: Callable[[str, int], int] | None = None
) -> Iterator[Member]:
    """The members of the map or list that begins there: key, and where the value begins and ends.

    Their values are passed over one by one, and nothing is made of them; those of the list under
    the key `apart` come one by one as well. `end_of` says where the value of a key ends that begins
    there. JSONDecodeError: it is no JSON, or has been cut off.
    """
    if data[at : at + 1] not in (b"{", b"["):
        raise _error("neither a map nor a list", at)
    is_map, at = data[at : at + 1] == b"{", at + 1
    while data[(at := _after_blank(data, at)) : at + 1] not in (b"}", b"]"):
        key = ""
        if is_map:
            end = _end(data, at)
            key, at = str(json.loads(data[at:end])), _after_blank(data, end)
        if apart and key == apart and data[at : at + 1] == b"[":
            for _, start, end in members(data, at):
                yield key, start, end
                at = end
            at = data.index(b"]", at) + 1
            continue
        end = _end(data, at) if end_of is None else end_of(key, at)
        yield key, at, end
        at = end


def _allows(limit: Limit, parts: Mapping[str, bytes]) -> bool:
    size = sum(map(len, parts.values()))
    return size <= limit.size and limit.allows(b",".join(parts.values()))


def _metadata(data: bytes, at: int) -> Body:
    found: Body = {}
    annotations: dict[str, Any] = {}
    for key, start, end in members(data, at):
        is_owners = key == "ownerReferences" and end - start <= LONGEST_PART
        if key in _BRIEF or key == "labels" or is_owners:
            found[key] = json.loads(data[start:end])
        elif key == "annotations" and data[start : start + 1] == b"{":
            for name, first, last in members(data, start):
                if name.startswith(names.GROUP) and last - first <= LONGEST_ANNOTATION:
                    annotations[name] = json.loads(data[first:last])
    brief = in_brief(found)
    return {**brief, "annotations": annotations} if annotations else brief


def _small_members(data: bytes, fields: Sequence[Member]) -> Body:
    found, left = Body(), LONGEST_PART
    for key, start, end in fields:
        if end - start <= left and _PART.allows(part := data[start:end]):
            found[key] = json.loads(part)
            left -= len(part)
    return found


def _after_blank(data: bytes, at: int) -> int:
    match = _BLANK.match(data, at)
    return at if match is None else match.end()


def _end(data: bytes, at: int) -> int:
    """Where the value ends that begins there."""
    if data[at : at + 1] not in (b"{", b"["):
        match = _SCALAR.match(data, at)
        if match is None:
            raise _error("it has been cut off", at)
        return match.end()
    match = _NESTED.match(data, at)
    return _deep_end(data, at) if match is None else match.end()


def _deep_end(data: bytes, at: int) -> int:
    """Where a map or list ends that is nested deeply, or is cut off."""
    depth = 0
    for run in _RUN.finditer(data, at):
        start, end = run.span(1)
        if data[start : start + 1] in (b"{", b"["):
            depth += end - start
            continue
        if end - start >= depth:
            return start + depth
        depth -= end - start
    raise _error("it has been cut off", at)


def _error(what: str, at: int) -> json.JSONDecodeError:
    return json.JSONDecodeError(what, "", at)
