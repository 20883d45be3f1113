"""What `exclude` leaves out, and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.source.exclusion import Exclusion


@pytest.mark.parametrize(
    ("pattern", "out", "stays"),
    [
        ("*.md", ["a.md"], ["docs/a.md", "a.mdx"]),
        ("**/*.png", ["a.png", "x/a.png", "x/y/a.png"], ["a.png.py"]),
        ("docs", ["docs", "docs/a", "docs/x/a"], ["x/docs", "docs2"]),
        ("docs/", ["docs/a", "docs/x/a"], ["docs", "x/docs/a"]),
        ("/docs/**", ["docs/a", "docs/x/a"], ["docs", "x/docs/a"]),
        ("./docs", ["docs/a"], ["x"]),
        ("**/docs", ["docs/a", "x/docs/a", "x/docs"], ["docs2/a"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/c"], ["b", "a/x", "ab"]),
        ("a/*/b", ["a/x/b", "a/x/b/c"], ["a/b", "a/x/y/b"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[ab].py", ["a.py", "b.py"], ["c.py"]),
        ("**", ["a", "a/b", ".hidden/x"], []),
        ("**/**/x", ["x", "a/x"], ["a"]),
        ("*", ["a", "a/b"], []),
        ("A.py", ["A.py"], ["a.py"]),
        ("", [], ["a", "a/b"]),
    ],
)
def test_a_pattern(pattern: str, out: list[str], stays: list[str]) -> None:
    excluded = Exclusion([pattern])
    assert [name for name in out if not excluded(name)] == []
    assert [name for name in stays if excluded(name)] == []


def test_a_folder_itself_is_left_out_with_its_files() -> None:
    assert Exclusion(["docs/"])("docs", folder=True)
    assert Exclusion(["**/cache/"])("a/cache", folder=True)


def test_one_pattern_of_several_is_enough() -> None:
    excluded = Exclusion(["docs/**", "*.md"])
    assert [excluded(name) for name in ("docs/a", "a.md", "a.py")] == [True, True, False]


names = st.lists(st.sampled_from(["a", "b", "aa", "ab"]), min_size=1, max_size=6).map("/".join)
patterns = st.lists(st.sampled_from(["a", "b", "*", "a*", "**", "?"]), min_size=1, max_size=5)


def by_definition(pattern: list[str], name: list[str]) -> bool:
    """The same, told anew and slowly: some beginning of the name is matched by the whole."""
    if not pattern:
        return True
    if pattern[0] == "**":
        rest = pattern[1:] or ["*"]
        return any(by_definition(rest, name[at:]) for at in range(len(name)))
    if not name:
        return False
    one = {"*": True, "?": len(name[0]) == 1, "a*": name[0].startswith("a")}
    return one.get(pattern[0], name[0] == pattern[0]) and by_definition(pattern[1:], name[1:])


@given(pattern=patterns, name=names)
def test_any_pattern_means_what_is_documented(pattern: list[str], name: str) -> None:
    assert Exclusion(["/".join(pattern)])(name) == by_definition(pattern, name.split("/"))


def test_patterns_made_to_take_long_do_not() -> None:
    excluded = Exclusion(["**/a/" * 40 + "b", "*a" * 60 + "b"])
    assert not excluded("/".join("a" * 200))
    assert not excluded("a" * 240)
