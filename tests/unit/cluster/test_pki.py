"""Certificates that verify, made whole or not at all."""

import json
import subprocess
from pathlib import Path

import pytest

from cluster import pki
from cluster.pki import Identity
from cluster.programs import run

SERVER = Identity("server", user="kube-apiserver", addresses=("DNS:localhost", "IP:127.0.0.1"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pki") / "keys"
    pki.make(made, [SERVER, pki.ADMIN])
    return made


def test_every_certificate_is_signed_by_the_authority(folder: Path) -> None:
    for name in ("server", "admin"):
        verified = run("openssl", "verify", "-CAfile", folder / "ca.crt", folder / f"{name}.crt")
        assert verified.strip().endswith("OK")


def test_a_server_speaks_for_its_addresses_and_no_others(folder: Path) -> None:
    def check(address: str) -> str:
        return run("openssl", "x509", "-in", folder / "server.crt", "-noout", "-checkip", address)

    assert "does match" in check("127.0.0.1")
    assert "does NOT match" in check("127.0.0.2")


def test_an_identity_cannot_sign_others(folder: Path) -> None:
    text = run("openssl", "x509", "-in", folder / "admin.crt", "-noout", "-text")
    assert "CA:FALSE" in text
    assert "O = system:masters, CN = admin" in text


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "keys.unfinished"
    half.mkdir()
    (half / "ca.key").write_text("half a key")
    pki.make(tmp_path / "keys", [pki.ADMIN])
    assert "PRIVATE KEY" in (tmp_path / "keys/ca.key").read_text()
    assert not half.exists()


def test_a_second_make_keeps_the_keys(folder: Path) -> None:
    before = (folder / "ca.key").read_bytes()
    pki.make(folder, [SERVER])
    assert (folder / "ca.key").read_bytes() == before


def test_only_its_owner_reads_a_kubeconfig(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "kubeconfig"
    pki.write_kubeconfig(target, folder, pki.ADMIN, "https://127.0.0.1:6443")
    assert target.stat().st_mode & 0o077 == 0
    cluster = json.loads(target.read_text())["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:6443"


def test_openssl_is_told_nothing_by_the_machine(folder: Path) -> None:
    # A machine's own openssl.cnf often makes every self-made certificate an authority.
    shown = subprocess.run(
        ["openssl", "verify", "-CAfile", folder / "admin.crt", folder / "server.crt"],
        capture_output=True,
    )
    assert shown.returncode != 0
