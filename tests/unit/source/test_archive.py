"""What an archive gives: the selected files, whatever the host made of it around them."""

import io
import zipfile

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.source.archive import read_tree
from bastaix.source.artifact import Selection
from bastaix.source.failure import SourceFailure
from bastaix.source.files import contents
from tests.unit.source.hostile import COMMIT, OTHER
from tests.unit.source.zips import (
    DEFLATED,
    DEVICE,
    ENCRYPTED,
    EXECUTABLE,
    FILE,
    FOLDER,
    SIZES_FOLLOW,
    SYMLINK,
    UTF8,
    Item,
    Zip,
    item,
)

REPOSITORY = {
    "README.md": b"# read me",
    "serve/app.py": b"app = 1\n",
    "serve/models/one.py": b"one = 1\n",
    "serve/docs/big.png": b"png",
    "tests/test.py": b"pass\n",
}


def archive(files: dict[str, bytes] = REPOSITORY, wrapper: str = "r-1/", **more: bytes) -> bytes:
    items = [item(wrapper + name, data) for name, data in files.items()]
    return bytes(Zip(items=items, **more))  # type: ignore[arg-type]


def read(data: bytes, **selection: object) -> dict[str, bytes]:
    tree = read_tree(io.BytesIO(data), Selection(**selection))  # type: ignore[arg-type]
    return dict(contents(tree))


def refusal(data: bytes, **selection: object) -> tuple[Reason, str]:
    with pytest.raises(SourceFailure) as refused:
        read(data, **selection)
    return refused.value.reason, refused.value.message


def test_one_folder_at_the_top_is_the_code_where_path_says_so() -> None:
    data = archive({"serve/app.py": b"app = 1\n"}, wrapper="")
    assert read(data, path="serve") == {"app.py": b"app = 1\n"}
    assert read(data) == {"app.py": b"app = 1\n"}
    doubled = archive({"serve/serve/app.py": b"app = 1\n"}, wrapper="")
    assert read(doubled, path="serve") == {"app.py": b"app = 1\n"}


def test_a_known_wrapper_is_taken_off_whatever_path_says() -> None:
    data = archive({"app.py": b"app = 1\n"}, wrapper="serving/")
    assert read(data, path="serving") == {"app.py": b"app = 1\n"}
    assert refusal(data, path="serving", wrapped=True) == (
        reasons.PATH_NOT_FOUND,
        "the source has no folder 'serving'; at its top are 'app.py'",
    )
    assert read(archive(wrapper=""), wrapped=True) == REPOSITORY


@pytest.mark.parametrize("name", [b"C:/x", b"r/a\\b", b"r/\xff", b"r/" + b"x" * 4096])
def test_a_name_that_is_refused_anywhere_says_that_exclude_does_not_help(name: bytes) -> None:
    data = bytes(Zip(items=[item("r/serve/app.py"), Item(name=name)]))
    reason, message = refusal(data, path="serve", exclude=("**/*",))
    assert reason is reasons.SOURCE_UNSAFE
    assert message.endswith("`exclude` does not help")


@pytest.mark.parametrize("wrapper", ["r-1/", "", "Ünïcode-1/"])
def test_the_folder_that_a_host_puts_around_it_does_not_count(wrapper: str) -> None:
    assert read(archive(wrapper=wrapper)) == REPOSITORY


def test_path_becomes_the_root_and_exclude_is_from_there() -> None:
    assert read(archive(), path="serve/", exclude=("docs/**",)) == {
        "app.py": b"app = 1\n",
        "models/one.py": b"one = 1\n",
    }


def test_a_folder_is_not_taken_for_another_that_begins_alike() -> None:
    files = {"serve/app.py": b"1", "server/app.py": b"2", "x": b""}
    assert read(archive(files), path="serve") == {"app.py": b"1"}


def test_compression_folders_and_order_make_no_difference() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.mkdir("r/serve")
        for name, content in reversed(REPOSITORY.items()):
            packed.writestr(f"r/{name}", content)
    assert read(data.getvalue()) == REPOSITORY


def test_sizes_may_follow_the_content() -> None:
    streamed = Item(name=b"r/app.py", data=b"a" * 50, method=DEFLATED, flags=UTF8 | SIZES_FOLLOW)
    assert read(bytes(Zip(items=[streamed]))) == {"app.py": b"a" * 50}


def test_an_archive_may_have_the_larger_kind_of_end() -> None:
    assert read(bytes(Zip(items=[item("r/app.py")], zip64=True))) == {"app.py": b""}


def test_more_entries_than_the_smaller_end_can_count_are_read() -> None:
    items = [item(f"r/docs/{number}") for number in range(66_000)]
    data = bytes(Zip(items=[*items, item("r/serve/app.py")], zip64=True))
    assert read(data, path="serve") == {"app.py": b""}


def test_modes_come_down_to_executable_or_not() -> None:
    items = [item("r/run", mode=EXECUTABLE), item("r/app.py", mode=FILE), item("r/none", mode=0)]
    tree = read_tree(io.BytesIO(bytes(Zip(items=items))), Selection())
    assert {name: file.executable for name, file in tree.items()} == {
        "run": True,
        "app.py": False,
        "none": False,
    }


@pytest.mark.parametrize("comment", [COMMIT.encode(), COMMIT.upper().encode(), b"", b"made by us"])
def test_an_archive_that_is_of_the_commit_or_says_nothing_of_it_is_taken(comment: bytes) -> None:
    assert read(archive(comment=comment), commit=COMMIT) == REPOSITORY


def test_an_archive_that_says_another_commit_is_refused() -> None:
    reason, message = refusal(archive(comment=OTHER.encode()), commit=COMMIT)
    assert reason is reasons.DIGEST_MISMATCH
    assert message == f"the archive says that it is commit {OTHER}, not {COMMIT}"


def test_who_pinned_no_commit_is_not_bound_to_one() -> None:
    assert read(archive(comment=OTHER.encode())) == REPOSITORY


def test_only_the_selected_entries_are_read() -> None:
    broken = [
        item("r/docs/link", b"/etc", SYMLINK),
        item("r/docs/null", b"", DEVICE),
        Item(name=b"r/docs/secret", flags=ENCRYPTED),
        Item(name=b"r/docs/crc", data=b"x", crc=1),
        Item(name=b"r/docs/new", method=93),
        Item(name=b"r/docs/huge", method=DEFLATED, packed=b"", size=5_000_000_000 % 2**32),
    ]
    data = bytes(Zip(items=[item("r/serve/app.py", b"1"), *broken]))
    assert read(data, path="serve") == {"app.py": b"1"}
    assert read(data, exclude=("docs",)) == {"serve/app.py": b"1"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "serv",
            "the source has no folder 'serv'; at its top are 'serve/', 'tests/', 'README.md'",
        ),
        (
            "serve/model",
            "the source has no folder 'serve/model'; in 'serve' are 'docs/', 'models/', 'app.py'",
        ),
        (
            "serve/models/two/deep",
            "the source has no folder 'serve/models/two/deep'; in 'serve/models' are 'one.py'",
        ),
        ("serve/app.py", "path 'serve/app.py' is not a folder"),
    ],
)
def test_a_path_that_is_not_there_is_told_with_what_is(path: str, message: str) -> None:
    assert refusal(archive(), path=path) == (reasons.PATH_NOT_FOUND, message)


def test_of_many_names_eight_are_told() -> None:
    files = {f"{n:02}/x": b"" for n in range(20)}
    _, message = refusal(archive(files), path="none")
    assert message.endswith("'07/' and 12 more")


def test_an_archive_without_entries_has_no_folder() -> None:
    assert refusal(bytes(Zip())) == (reasons.PATH_NOT_FOUND, "the archive is empty")


def test_nothing_left_is_told_with_its_cause() -> None:
    assert refusal(archive(), path="tests", exclude=("**",)) == (
        reasons.PATH_NOT_FOUND,
        "nothing is left of 'tests': exclude leaves no file of it",
    )


def test_code_over_the_limit_is_told_with_the_largest_and_what_to_leave_out() -> None:
    files = {
        **REPOSITORY,
        "serve/a.mp4": bytes(700_000),
        "serve/b.mp4": bytes(600_000),
        "serve/data": bytes(400_000),
    }
    reason, message = refusal(archive(files), path="serve")
    assert reason is reasons.SOURCE_TOO_LARGE
    assert "packed; 1,000,000 are allowed" in message
    assert "the largest files: 'a.mp4' (700,000), 'b.mp4' (600,000), 'data' (400,000)" in message
    assert message.endswith("exclude for example '**/*.mp4'")
    assert len(read(archive(files), path="serve", exclude=("**/*.mp4",))) == 4


def test_what_is_not_selected_may_be_as_large_as_it_likes() -> None:
    files = {**REPOSITORY, "assets/a.bin": bytes(3_000_000)}
    assert len(read(archive(files), path="serve")) == 3


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def test_lfs_pointers_are_told_by_name() -> None:
    files = {**REPOSITORY, **{f"serve/{n}.bin": POINTER for n in range(7)}}
    reason, message = refusal(archive(files))
    assert reason is reasons.SOURCE_INCOMPLETE
    assert message.startswith("'serve/0.bin', ")
    assert "'serve/4.bin' and 2 more: Git LFS pointers" in message


def test_lfs_pointers_left_out_are_none() -> None:
    files = {**REPOSITORY, "serve/w.bin": POINTER}
    assert "serve/w.bin" not in read(archive(files), exclude=("**/*.bin",))


def with_folder(name: str, **files: bytes) -> bytes:
    items = [item(f"r/{name}", mode=FOLDER), item("r/serve/app.py", b"1")]
    return bytes(Zip(items=[*items, *(item(f"r/{n}", data) for n, data in files.items())]))


def test_an_empty_folder_of_a_commit_is_a_submodule() -> None:
    assert refusal(with_folder("serve/lib/"), commit=COMMIT) == (
        reasons.SOURCE_INCOMPLETE,
        "'serve/lib': Git submodules, which no host puts into its archives",
    )


def test_the_selected_folder_may_be_the_submodule() -> None:
    reason, message = refusal(with_folder("lib/"), commit=COMMIT, path="lib")
    assert reason is reasons.SOURCE_INCOMPLETE
    assert message.startswith("'lib': ")


@pytest.mark.parametrize(
    ("listed", "complete"),
    [
        ("serve/lib", False),
        ("serve/lib/", False),
        ('"serve/lib"', False),
        ("serve/lib ; ours", False),
        ("docs", True),
        ("lib", True),
    ],
)
def test_the_list_of_submodules_decides_where_it_is_there(listed: str, complete: bool) -> None:
    modules = f'[submodule "x"]\n\tpath = {listed}\n\turl = ../x\n'.encode()
    data = with_folder("serve/lib/", **{".gitmodules": modules})
    if complete:
        assert read(data, commit=COMMIT, path="serve") == {"app.py": b"1"}
    else:
        assert refusal(data, commit=COMMIT, path="serve")[0] is reasons.SOURCE_INCOMPLETE


def test_a_submodule_that_is_not_packed_does_not_matter() -> None:
    assert read(with_folder("docs/lib/"), commit=COMMIT, path="serve") == {"app.py": b"1"}
    assert read(with_folder("lib/"), commit=COMMIT, exclude=("lib",)) == {"serve/app.py": b"1"}


def test_an_empty_folder_of_an_archive_is_nothing() -> None:
    assert read(with_folder("serve/lib/")) == {"serve/app.py": b"1"}
