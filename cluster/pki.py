"""Keys, certificates and kubeconfigs of one cluster, made with the openssl command.

A folder of them is made whole or not at all, so that a killed run leaves no half of one.
"""

import base64
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cluster.programs import run

DAYS = "3650"


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for, and under which addresses it may serve."""

    name: str
    user: str
    group: str = ""
    addresses: tuple[str, ...] = ()  # "DNS:…" or "IP:…"

    @property
    def subject(self) -> str:
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.user}"


ADMIN = Identity("admin", user="admin", group="system:masters")


def make(folder: Path, identities: Sequence[Identity]) -> None:
    """Fill `folder` with a new authority, a key for service accounts and a pair an identity."""
    if folder.exists():
        return
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    _authority(unfinished)
    with ThreadPoolExecutor() as pool:
        pool.submit(_service_account_key, unfinished).result()
        list(pool.map(lambda identity: _certificate(unfinished, identity), identities))
    unfinished.rename(folder)


def extensions(identity: Identity) -> str:
    """openssl's configuration for a certificate; with our own, the machine's does not matter."""
    lines = [
        "[req]",
        "distinguished_name = name",
        "prompt = no",
        "[name]",
        "[authority]",
        "basicConstraints = critical, CA:TRUE",
        "keyUsage = critical, keyCertSign, digitalSignature",
        "subjectKeyIdentifier = hash",
        "[identity]",
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature",
        "extendedKeyUsage = serverAuth, clientAuth",
    ]
    if identity.addresses:
        lines.append("subjectAltName = " + ", ".join(identity.addresses))
    return "\n".join(lines) + "\n"


def _certificate(folder: Path, identity: Identity, section: str = "identity") -> None:
    name = identity.name
    config = folder / f"{name}.cnf"
    config.write_text(extensions(identity))
    signer = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key")
    run(
        *("openssl", "req", "-x509", "-config", config, "-extensions", section, "-days", DAYS),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", identity.subject),
        *(() if section == "authority" else signer),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"),
    )
    config.unlink()


def _authority(folder: Path) -> None:
    _certificate(folder, Identity("ca", user="bastaix-cluster"), section="authority")


def _service_account_key(folder: Path) -> None:
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    size = ("-pkeyopt", "rsa_keygen_bits:2048")
    run("openssl", "genpkey", "-algorithm", "RSA", *size, "-out", private)
    run("openssl", "pkey", "-in", private, "-pubout", "-out", public)


def kubeconfig(folder: Path, identity: Identity, server: str) -> str:
    """A kubeconfig that needs no other file, as JSON, which is YAML."""

    def encoded(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    name = "bastaix"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": identity.user}}],
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": server, "certificate-authority-data": encoded("ca.crt")},
                }
            ],
            "users": [
                {
                    "name": identity.user,
                    "user": {
                        "client-certificate-data": encoded(f"{identity.name}.crt"),
                        "client-key-data": encoded(f"{identity.name}.key"),
                    },
                }
            ],
        },
        indent=2,
    )


def write_kubeconfig(target: Path, folder: Path, identity: Identity, server: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text(kubeconfig(folder, identity, server))
    unfinished.rename(target)
