"""Objects as they are carried and kept: what is looked up by, and the rest compressed. Pure.

A body comes as text, and is measured before anything is made of it: `[{},{},…]` takes 25 times
its bytes as Python objects, and what is nested a thousand times ends json.loads (Python 3.11).
What is beyond the bounds is not kept: of it there is a stub, which says that it is too large.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bastaix.api import names
from bastaix.api.sizes import PACKED, fits

Body = dict[str, Any]

LONGEST_STATUS: Final = 128 * 1024
LONGEST_ANNOTATION: Final = 4 * 1024
"""Characters of one that is not ours: kubectl's last-applied-configuration repeats the object."""

_BRIEF: Final = frozenset(
    {
        *("name", "namespace", "uid", "resourceVersion", "generation", "labels"),
        *("creationTimestamp", "deletionTimestamp", "ownerReferences"),
    }
)
_LONGEST_FIELD: Final = 16 * 1024
_DECODER: Final = json.JSONDecoder()
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]]')
_BLANK: Final = re.compile(r"[\s,:]*")


def read_answer(data: bytes) -> Any:
    """JSON that the API server sent; objects that are too large are stubs, also in a list.

    ValueError: it is no JSON.
    """
    if fits(data):
        return json.loads(data)
    text = data.decode(errors="replace")
    found: Body = {}
    for key, start, end in members(text, 0, apart="items"):
        if key == "items" and text[start] == "{":
            found.setdefault(key, []).append(read_answer(text[start:end].encode()))
        elif key == "metadata" and '"uid":' in text[start:end]:
            return stub(text)
        elif end - start <= LONGEST_STATUS:
            found[key] = read_answer(text[start:end].encode())
    return found if "items" in found else stub(text)


def brief(data: bytes) -> Body:
    """One object as text: its metadata in brief, and the whole under PACKED."""
    if not fits(data):
        return stub(data.decode(errors="replace"))
    body = json.loads(data)
    metadata = {key: value for key, value in body["metadata"].items() if key in _BRIEF}
    return {"metadata": metadata, PACKED: base64.b64encode(packed(body)).decode()}


def stub(text: str) -> Body:
    """Of an object that is too large: its metadata in brief, its status, and that it is.

    What is behind a place where the text has been cut off is missing. ValueError: no name is in it.
    """
    found: Body = {"metadata": {}, PACKED: ""}
    try:
        for key, start, end in members(text, 0):
            if key == "metadata":
                for name, a, z in members(text, start):
                    if name in _BRIEF and z - a <= _LONGEST_FIELD:
                        found["metadata"][name] = json.loads(text[a:z])
            elif key == "status" and end - start <= LONGEST_STATUS:
                found["status"] = json.loads(text[start:end])
    except json.JSONDecodeError:
        pass
    if not {"name", "uid", "resourceVersion"} <= found["metadata"].keys():
        raise ValueError("an object that is too large, and cut off before its name")
    return found


def packed(body: Mapping[str, Any]) -> bytes:
    """As it is kept: without managedFields, and without long annotations of others."""
    carried = body.get(PACKED)
    if carried:
        return base64.b64decode(carried)
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations:
        metadata["annotations"] = {
            key: value
            for key, value in annotations.items()
            if len(value) <= LONGEST_ANNOTATION or key.startswith(names.GROUP)
        }
    kept = {**body, "metadata": metadata}
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


def whole(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object itself of one in brief; of one that is too large there is a stub alone."""
    return unpack(packed(body)) if body.get(PACKED) else body


def unpack(data: bytes) -> Body:
    body: Body = json.loads(zlib.decompress(data))
    return body


def members(text: str, at: int, *, apart: str = "") -> Iterator[tuple[str, int, int]]:
    """The members of the map or list that begins there: key, and where the value begins and ends.

    Their values are looked at one by one, and nothing of them is kept; those of the list under
    the key `apart` come one by one as well. JSONDecodeError: it is no JSON, or has been cut off.
    """
    is_map, at = text[at] == "{", at + 1
    while text[(at := _after_blank(text, at)) : at + 1] not in "}]":
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
