"""Every bound of what the controllers rely on in the status, as data: once kept and once broken."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

ROLLOUT: Final = "rollout"
ARTIFACTS: Final = "source.artifacts"
ARTIFACT: Final = f"{ARTIFACTS}[]"
REVISIONS: Final = f"{ROLLOUT}.revisions"
REVISION: Final = f"{REVISIONS}[]"
EVALUATION: Final = f"{REVISION}.evaluation"
CHECK: Final = f"{REVISION}.check"

HASH: Final = "3f9c2a1d"
MOMENT: Final = "2026-01-02T03:04:05Z"
REQUIRED: Final[Mapping[str, Mapping[str, str]]] = {
    REVISION: {"revision": HASH},
    ARTIFACT: {"content": "c", "digest": "d"},
}
"""What an entry of a list must have."""

SAYS: Final = {
    "maxLength": "may not be more than {}",
    "pattern": "should match '{}'",
    "minimum": "should be greater than or equal to {}",
    "maxItems": "must have at most {} items",
    "enum": "supported values: {}",
    "required": "Required value",
    "format": "must be of type {}",
    "x-kubernetes-list-map-keys": "Duplicate value",
}
"""What the API server says of what breaks a bound, with the bound in it."""


@dataclass(frozen=True)
class Bound:
    """A field of the status, what bounds it, a value at the bound, and one beyond it.

    `[]` in the name of a field means an entry of a list.
    """

    field: str
    keyword: str
    limit: Any
    good: Any
    bad: Any

    @property
    def says(self) -> str:
        return SAYS[self.keyword].format(self.limit)

    def __str__(self) -> str:
        return f"{self.field}: {self.keyword}"


def entries(count: int, key: str, **fields: Any) -> list[dict[str, Any]]:
    """Of a list, told apart by this key."""
    return [{key: f"{number:08x}", **fields} for number in range(count)]


def twice(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry, entry]


LENGTHS: Final = {
    f"{ROLLOUT}.intent.specDigest": 64,
    f"{ROLLOUT}.intent.request": 128,
    f"{REVISION}.reason": 64,
    f"{REVISION}.message": 2000,
    f"{REVISION}.request": 128,
    f"{CHECK}.method": 16,
    f"{CHECK}.path": 4096,
    f"{CHECK}.body": 4096,
    f"{CHECK}.expect.contains": 4096,
    f"{EVALUATION}.outcome": 64,
    f"{EVALUATION}.dataset": 71,
    f"{EVALUATION}.failed[]": 128,
    f"{REVISION}.evaluationKey": 64,
    f"{REVISION}.evaluationJob": 128,
    f"{REVISION}.passedTrial": 128,
    f"{ARTIFACT}.content": 64,
    f"{ARTIFACT}.digest": 71,
    f"{ARTIFACT}.uid": 64,
}
HASHES: Final = (
    f"{ROLLOUT}.intent.rollbackTo",
    f"{ROLLOUT}.traffic.revision",
    f"{ROLLOUT}.traffic.previous",
    f"{REVISION}.revision",
)
MOMENTS: Final = (
    f"{ROLLOUT}.traffic.since",
    f"{ROLLOUT}.traffic.previousSince",
    f"{REVISION}.at",
    f"{REVISION}.supersededAt",
    f"{REVISION}.promotedAt",
    f"{ARTIFACT}.at",
)
COUNTS: Final = (
    f"{ROLLOUT}.intent.generation",
    f"{ROLLOUT}.intent.lastGeneration",
    f"{REVISION}.generation",
    f"{REVISION}.minReplicas",
    f"{REVISION}.failures",
    f"{REVISION}.evaluationErrors",
)


def moment(length: int) -> str:
    """One of so many characters: a second may have any number of decimals."""
    start = "2026-01-02T03:04:05."
    return start + "0" * (length - len(start) - 1) + "Z"


def _hashes(field: str, digits: int) -> Iterator[Bound]:
    pattern = f"^[0-9a-f]{{{digits}}}$"
    good = "0" * digits
    yield Bound(field, "maxLength", digits, good, f"{good}0")
    yield Bound(field, "pattern", pattern, "a" * digits, "A" * digits)
    yield Bound(field, "pattern", pattern, "9" * digits, "9" * (digits - 1))


BOUNDS: Final[list[Bound]] = [
    *(
        Bound(field, "maxLength", most, "x" * most, "x" * (most + 1))
        for field, most in LENGTHS.items()
    ),
    *(bound for field in HASHES for bound in _hashes(field, 8)),
    *_hashes(f"{REVISION}.sha256", 64),
    *_hashes(f"{ARTIFACT}.contentSha256", 64),
    *_hashes(f"{REVISION}.evaluationSha256", 64),
    *_hashes(f"{REVISION}.evaluationJobSha256", 64),
    *(Bound(field, "maxLength", 64, moment(64), moment(65)) for field in MOMENTS),
    *(Bound(field, "format", "date-time", MOMENT, "2026-01-02 03:04") for field in MOMENTS),
    *(Bound(field, "minimum", 0, 0, -1) for field in COUNTS),
    *(
        Bound(
            f"{REVISION}.outcome", "enum", '"Promoted", "Failed", "RolledBack"', outcome, "Passed"
        )
        for outcome in ("Promoted", "Failed", "RolledBack")
    ),
    Bound(REVISIONS, "maxItems", 12, entries(12, "revision"), entries(13, "revision")),
    Bound(REVISION, "required", ["revision"], {"revision": HASH}, {"reason": "x"}),
    Bound(
        REVISIONS,
        "x-kubernetes-list-map-keys",
        ["revision"],
        entries(2, "revision"),
        twice({"revision": HASH}),
    ),
    Bound(f"{EVALUATION}.failed", "maxItems", 20, ["x"] * 20, ["x"] * 21),
    Bound(
        ARTIFACTS,
        "maxItems",
        12,
        entries(12, "content", digest="d"),
        entries(13, "content", digest="d"),
    ),
    *(
        Bound(ARTIFACT, "required", ["content", "digest"], {"content": "c", "digest": "d"}, bad)
        for bad in ({"content": "c"}, {"digest": "d"})
    ),
    Bound(
        ARTIFACTS,
        "x-kubernetes-list-map-keys",
        ["content"],
        entries(2, "content", digest="d"),
        twice({"content": "c", "digest": "d"}),
    ),
]


def status_with(field: str, value: Any) -> dict[str, Any]:
    """A status with this value in this field, and else with what must be there."""
    status: dict[str, Any] = {}
    parent, path = status, ""
    *parents, last = field.split(".")
    for name in parents:
        path = f"{path}.{name}".removeprefix(".")
        if name.endswith("[]"):
            entry = dict(REQUIRED[path])
            parent[name.removesuffix("[]")] = [entry]
            parent = entry
        else:
            parent = parent.setdefault(name, {})
    name = last.removesuffix("[]")
    parent[name] = copy.deepcopy(value if name == last else [value])
    return status


def bounds(schema: Mapping[str, Any], field: str) -> Iterator[tuple[str, str, Any]]:
    """Each bound in a structural schema: of which field, its keyword, and the limit.

    That a number is no larger than its format allows is left out: JSON's numbers are not exact
    there.
    """
    for keyword in SAYS:
        limit = schema.get(keyword)
        if limit is not None and limit not in ("int32", "int64"):
            yield field, keyword, limit
    for name, property in (schema.get("properties") or {}).items():
        yield from bounds(property, f"{field}.{name}")
    if "items" in schema:
        yield from bounds(schema["items"], f"{field}[]")
