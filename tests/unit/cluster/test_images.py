"""Images are named by what goes into them, and only the newest of a name is kept."""

from pathlib import Path

import pytest

from cluster import builder, images
from cluster.images import Image

LISTING = """\
REF TYPE DIGEST SIZE PLATFORMS LABELS
localhost/bastaix/operator:old manifest sha256:d1 1.0 MiB linux/amd64 -
localhost/bastaix/operator:new manifest sha256:d2 1.0 MiB linux/amd64 -
localhost/bastaix/operator-like:1 manifest sha256:d3 1.0 MiB linux/amd64 -
sha256:c1 manifest sha256:d1 1.0 MiB linux/amd64 -
sha256:c2 manifest sha256:d2 1.0 MiB linux/amd64 -
sha256:c3 manifest sha256:d3 1.0 MiB linux/amd64 -
sha256:c4 manifest sha256:d4 1.0 MiB linux/amd64 -
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "code/__pycache__").mkdir(parents=True)
    (tmp_path / "code/app.py").write_text("print(1)\n")
    return tmp_path


def image(checkout: Path) -> Image:
    return Image("app", checkout / "Dockerfile", (checkout / "code",), root=checkout)


@pytest.mark.parametrize("changed", ["Dockerfile", "code/app.py", "code/new.py"])
def test_a_changed_input_gives_another_name(checkout: Path, changed: str) -> None:
    before = image(checkout).key()
    (checkout / changed).write_text("RUN something else\n")
    assert image(checkout).key() != before


def test_a_renamed_input_gives_another_name(checkout: Path) -> None:
    before = image(checkout).key()
    (checkout / "code/app.py").rename(checkout / "code/other.py")
    assert image(checkout).key() != before


def test_compiled_bytecode_is_no_input(checkout: Path) -> None:
    before = image(checkout).key()
    (checkout / "code/__pycache__/app.cpython-311.pyc").write_bytes(b"\0")
    assert image(checkout).key() == before


def test_the_name_does_not_depend_on_where_the_checkout_lies(checkout: Path) -> None:
    before = image(checkout).key()
    moved = checkout.rename(checkout.with_name("moved"))
    assert image(moved).key() == before


def test_the_name_covers_whatever_the_dockerfile_copies(tmp_path: Path) -> None:
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator/Dockerfile").write_text(
        "FROM scratch\nCOPY --chmod=0644 one \\\n    two /there/\nRUN COPY three\nCOPY four /\n"
    )
    (tmp_path / "four").mkdir()
    for copied in ("one", "two", "four/five"):
        (tmp_path / copied).write_text("1")
    before = images.operator(root=tmp_path).key()
    for copied in ("one", "two", "four/five"):
        (tmp_path / copied).write_text("2")
        after = images.operator(root=tmp_path).key()
        assert after != before, copied
        before = after


def test_every_image_copies_what_is_there() -> None:
    for image in images.IMAGES.values():
        assert all(source.exists() for source in image.sources), image.name


def test_an_unknown_image_is_refused_by_name() -> None:
    with pytest.raises(builder.ImageError, match="no image is called operater; there are pause"):
        images.ensure("operater")


def test_older_images_of_the_name_go_and_so_do_records_without_a_name() -> None:
    gone = builder.outdated(LISTING, "operator", "localhost/bastaix/operator:new")
    assert gone == ["localhost/bastaix/operator:old", "sha256:c1", "sha256:c4"]


def test_content_that_another_name_holds_stays() -> None:
    also = LISTING + "localhost/bastaix/other:1 manifest sha256:d1 1.0 MiB linux/amd64 -\n"
    gone = builder.outdated(also, "operator", "localhost/bastaix/operator:new")
    assert gone == ["localhost/bastaix/operator:old", "sha256:c4"]
