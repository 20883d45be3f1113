"""A release is the same bytes each time. It builds the operator's image twice: some minutes."""

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from cluster.progress import Silent
from release import build

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _checkout(commit: str, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=folder, check=True)
    return folder


def test_two_checkouts_of_a_commit_make_the_same_release(tmp_path: Path) -> None:
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    clean, dirty = _checkout(head, tmp_path / "clean"), _checkout(head, tmp_path / "dirty")
    (dirty / "operator/bastaix/uncommitted.py").write_text("raise SystemExit\n")
    (dirty / "charts/bastaix/templates/uncommitted.yaml").write_text("{{ fail }}\n")
    first, second = tmp_path / "first", tmp_path / "second"
    written = build.build(clean, first, None, Silent())
    build.build(dirty, second, None, Silent())
    assert _digests(first) == _digests(second)

    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=first, check=True)
    suffixes = [".cdx.json", ".licences.txt", ".oci.tar", ".tgz", ".whl", "SHA256SUMS"]
    assert [path for path in written if not path.name.endswith(tuple(suffixes))] == []
    assert len(written) == len(suffixes)
    with tarfile.open(next(first.glob("*.tgz"))) as chart:
        assert "bastaix/files/modeldeployments.yaml" in chart.getnames()

    (bill,) = first.glob("*.cdx.json")
    said = json.loads(bill.read_text())
    properties = {
        entry["name"]: entry["value"] for entry in said["metadata"]["component"]["properties"]
    }
    assert properties["org.opencontainers.image.base.digest"].startswith("sha256:")
    purls = {component["purl"].partition("?")[0] for component in said["components"]}
    pinned = (ROOT / "requirements/operator.txt").read_text().splitlines()
    for line in pinned:
        if "==" in line:
            name, version = line.removesuffix(" \\").split("==")
            assert f"pkg:pypi/{name}@{version}" in purls
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in purls)
    assert not any(purl.startswith(("pkg:pypi/uv@", "pkg:pypi/hatchling@")) for purl in purls)
