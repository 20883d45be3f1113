"""The bill of materials says what is in the image, and the same each time."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import image, sbom
from release.image import ImageUnreadable
from tests.unit.release import oci

PACKAGES = "opt/venv/lib/python3.11/site-packages"
SMART_OPEN = f"{PACKAGES}/smart_open-7.3.1.dist-info/METADATA"
BASE = {
    "var/lib/dpkg/status": oci.STATUS,
    "usr/lib/os-release": oci.OS_RELEASE,
    SMART_OPEN: oci.METADATA,
}


def written(tmp_path: Path, *layers: bytes) -> Path:
    path = tmp_path / "image.oci.tar"
    oci.write(path, layers)
    return path


def bill(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sbom.bill(image.from_archive(path), "app", "1.0", {}))
    return document


def purls(path: Path) -> list[str]:
    return [component["purl"] for component in bill(path).get("components", [])]


def test_debian_and_python_packages_are_named_with_version_and_place(tmp_path: Path) -> None:
    components = bill(written(tmp_path, oci.layer(BASE)))["components"]
    libc, smart_open = sorted(components, key=lambda component: str(component["purl"]))
    assert libc["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12"
    assert smart_open["purl"] == "pkg:pypi/smart-open@7.3.1"
    assert smart_open["version"] == "7.3.1"
    assert smart_open["licenses"] == [{"license": {"id": "MIT"}}]
    (found,) = smart_open["evidence"]["occurrences"]
    assert found["location"] == str(Path(SMART_OPEN).parent)


def test_it_follows_the_schema_of_cyclonedx(tmp_path: Path) -> None:
    held = image.from_archive(written(tmp_path, oci.layer(BASE)))
    said = sbom.bill(held, "app", "1.0", {"made-of": "x"})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said) is None


def test_a_package_that_was_removed_but_not_purged_is_not_named(tmp_path: Path) -> None:
    assert not [purl for purl in purls(written(tmp_path, oci.layer(BASE))) if "wget" in purl]


@pytest.mark.parametrize(
    "above",
    [
        oci.layer({f"{PACKAGES}/.wh.smart_open-7.3.1.dist-info": b""}),
        oci.layer({"opt/.wh.venv": b""}),
        oci.layer({f"{PACKAGES}/.wh..wh..opq": b""}),
        oci.layer({}, links={"opt/venv": "/elsewhere"}),
        oci.layer({}, links={SMART_OPEN: "/dev/null"}),
    ],
    ids=["folder deleted", "parent deleted", "parent emptied", "parent a link", "file a link"],
)
def test_what_a_later_layer_deletes_or_covers_is_not_named(tmp_path: Path, above: bytes) -> None:
    path = written(tmp_path, oci.layer(BASE), above)
    assert not [purl for purl in purls(path) if "smart-open" in purl]


def test_what_a_later_layer_brings_replaces_the_earlier(tmp_path: Path) -> None:
    newer = oci.METADATA.replace(b"7.3.1", b"8.0")
    path = written(tmp_path, oci.layer(BASE), oci.layer({f"./{SMART_OPEN}": newer}))
    assert "pkg:pypi/smart-open@8.0" in purls(path)
    assert "pkg:pypi/smart-open@7.3.1" not in purls(path)


def test_an_emptied_folder_keeps_what_the_same_layer_brings(tmp_path: Path) -> None:
    above = oci.layer({SMART_OPEN: oci.METADATA, f"{PACKAGES}/.wh..wh..opq": b""})
    assert "pkg:pypi/smart-open@7.3.1" in purls(written(tmp_path, oci.layer(BASE), above))


def test_a_copy_inside_another_package_is_named_once_with_both_places(tmp_path: Path) -> None:
    vendored = f"{PACKAGES}/other/_vendor/smart_open-7.3.1.dist-info/METADATA"
    path = written(tmp_path, oci.layer(BASE | {vendored: oci.METADATA}))
    (component,) = [part for part in bill(path)["components"] if part["name"] == "Smart_Open"]
    assert len(component["evidence"]["occurrences"]) == 2


def test_an_interpreter_without_a_package_is_named(tmp_path: Path) -> None:
    header = {"usr/local/include/python3.11/patchlevel.h": b'#define PY_VERSION "3.11.14"\n'}
    assert purls(written(tmp_path, oci.layer(header))) == ["pkg:generic/python@3.11.14"]


@pytest.mark.parametrize(
    ("metadata", "licences"),
    [
        (b"License: Apache 2.0", [{"license": {"name": "Apache 2.0"}}]),
        (b"License-Expression: MIT OR Apache-2.0", [{"expression": "MIT OR Apache-2.0"}]),
        (
            b"License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License",
            [{"license": {"name": "MIT License"}}],
        ),
        (b"Summary: names none", None),
        (b"License: " + b"Permission is hereby granted " * 9, None),
    ],
)
def test_licences_are_what_the_package_names(
    tmp_path: Path, metadata: bytes, licences: list[object] | None
) -> None:
    content = b"Name: one\nVersion: 1\n" + metadata + b"\n"
    path = written(tmp_path, oci.layer({"one.dist-info/METADATA": content}))
    (component,) = bill(path)["components"]
    assert component.get("licenses") == licences


def test_licences_of_debian_packages_come_from_their_copyright(tmp_path: Path) -> None:
    copyright_ = b"Format: https://www.debian.org/\n\nFiles: *\nLicense: LGPL-2.1+\n text\n"
    files = BASE | {"usr/share/doc/libc6/copyright": copyright_}
    held = image.from_archive(written(tmp_path, oci.layer(files)))
    assert "libc6\t2.36-9+deb12u10\tLGPL-2.1+\n" in sbom.licences(held)
    assert "Smart_Open\t7.3.1\tMIT\n" in sbom.licences(held)


def test_the_same_image_gives_the_same_bytes_and_another_another_serial(tmp_path: Path) -> None:
    path = written(tmp_path, oci.layer(BASE))
    one, two = (
        sbom.bill(image.from_archive(path), "app", "1.0", {"made-of": "x"}) for _ in range(2)
    )
    assert one == two
    assert json.loads(one)["metadata"]["timestamp"] == "2026-03-01T12:00:00+00:00"
    other = bill(written(tmp_path, oci.layer(BASE | {"new": b""})))
    assert other["serialNumber"] != json.loads(one)["serialNumber"]


def test_the_image_is_named_by_its_digest_and_by_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    digest = oci.write(path, [oci.layer(BASE)])
    said = json.loads(sbom.bill(image.from_archive(path), "app", "1.0", {"base": "b@sha256:1"}))
    root = said["metadata"]["component"]
    assert root["hashes"] == [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
    assert root["properties"] == [{"name": "base", "value": "b@sha256:1"}]
    (depends,) = [entry for entry in said["dependencies"] if entry["ref"] == root["bom-ref"]]
    assert len(depends["dependsOn"]) == len(said["components"])


def test_unpacked_files_give_the_same_packages_as_the_archive(tmp_path: Path) -> None:
    path = written(tmp_path, oci.layer(BASE))
    root = tmp_path / "root"
    for name, content in BASE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "usr/share/doc/libc6").mkdir(parents=True)
    (root / "usr/share/doc/libc6/copyright").symlink_to("/etc/passwd")
    unpacked = image.from_folder(root, b"{}", b"{}")
    assert unpacked.files == image.from_archive(path).files
    assert unpacked.digest == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"


def test_a_hard_link_is_read_like_the_file_that_it_names(tmp_path: Path) -> None:
    other = f"{PACKAGES}/copy/smart_open-7.3.1.dist-info/METADATA"
    path = written(tmp_path, oci.layer(BASE), oci.layer({}, hard_links={other: SMART_OPEN}))
    assert image.from_archive(path).files[other] == oci.METADATA


def test_a_hard_link_to_what_was_not_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, oci.layer({"etc/x": b""}, hard_links={SMART_OPEN: "etc/x"}))
    with pytest.raises(ImageUnreadable, match="has no content that could be read"):
        image.from_archive(path)


def test_an_altered_blob_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, oci.layer({}), oci.layer(BASE))
    path.write_bytes(path.read_bytes().replace(b"Smart_Open", b"Other_Open"))
    with pytest.raises(ImageUnreadable, match="is not what its digest says"):
        image.from_archive(path)


def test_a_layer_that_cannot_be_read_is_an_error_and_no_empty_bill(tmp_path: Path) -> None:
    path = written(tmp_path, oci.layer(BASE), b"\x28\xb5\x2f\xfd" + bytes(600))
    with pytest.raises(ImageUnreadable, match="compressed by something else"):
        image.from_archive(path)
