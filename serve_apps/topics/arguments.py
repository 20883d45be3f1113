"""Says which argument of an app is unknown, where it stands and which one was probably meant.

Ray finds a misspelt key late, or never: some of its models drop unknown keys in silence, others
answer with a page of text whose last line is a link. Here every wrong key is named at once, in one
line, before anything is deployed. Pure: the known keys are a parameter. Whether a value is right
is left to whoever uses it.

The same file stands in each app's folder, because each folder is deployed alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeAlias

# Below a key stand known keys, a list of such, or (None) whatever its owner accepts.
Known: TypeAlias = "Mapping[str, Known] | Sequence[Known] | None"

FEW = 8  # so many known keys are worth listing when none is near


class WrongArguments(ValueError):
    """The arguments cannot be used; the message is one line that names every reason."""


def refuse(problems: Sequence[str]) -> None:
    """Raise when there is anything to complain about."""
    if problems:
        raise WrongArguments("wrong arguments: " + "; ".join(problems))


def unknown_keys(arguments: object, known: Known) -> list[str]:
    """One sentence for every key that nobody will read."""
    return list(_unknown(arguments, known, place="", root=known))


def _unknown(value: object, known: Known, *, place: str, root: Known) -> Iterator[str]:
    if isinstance(known, Mapping) and isinstance(value, Mapping):
        for key, below in value.items():
            if key in known:
                yield from _unknown(below, known[key], place=_join(place, str(key)), root=root)
            else:
                advice = _advice(str(key), known, place=place, root=root)
                yield f"{place or 'the top level'} has no key {str(key)!r}: {advice}"
    elif isinstance(known, Sequence) and isinstance(value, list):
        for index, below in enumerate(value):
            yield from _unknown(below, known[0], place=f"{place}[{index}]", root=root)


def _advice(key: str, known: Mapping[str, Known], *, place: str, root: Known) -> str:
    plain = key.replace("-", "_").lower()
    if plain in known:
        return f"did you mean {plain!r}?"
    # A right key in the wrong place is the commoner mistake, so it goes before a similar one here.
    home = next(_homes(plain, known, place), None) or next(_homes(plain, root, ""), None)
    if home is not None:
        return f"it belongs {f'in {home}' if home else 'at the top level'}"
    near = get_close_matches(plain, list(known), n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if len(known) <= FEW:
        return "known here: " + ", ".join(sorted(known))
    return "nothing known here is like it"


def _homes(key: str, known: Known, place: str) -> Iterator[str]:
    """The places under `place` where this very key is known."""
    if isinstance(known, Mapping):
        if key in known:
            yield place
        for name, below in known.items():
            yield from _homes(key, below, _join(place, name))
    elif isinstance(known, Sequence):
        yield from _homes(key, known[0], f"{place}[0]")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
