"""OCI archives of a few files, made as the specification has them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

CREATED = "2026-03-01T12:00:00.123456789Z"

OS_RELEASE = b'ID=debian\nVERSION_ID="12"\n'
STATUS = b"""\
Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9+deb12u10
Description: GNU C Library
 with a second line

Package: wget
Status: deinstall ok config-files
Architecture: amd64
Version: 1.21
"""
METADATA = b"""\
Metadata-Version: 2.4
Name: Smart_Open
Version: 7.3.1
License-Expression: MIT

# Long text
Name: not-this
"""


def layer(
    files: Mapping[str, bytes],
    links: Mapping[str, str] | None = None,
    hard_links: Mapping[str, str] | None = None,
) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for kind, made in ((tarfile.SYMTYPE, links), (tarfile.LNKTYPE, hard_links)):
            for name, target in (made or {}).items():
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, target
                archive.addfile(member)
    return packed.getvalue()


def write(path: Path, layers: Sequence[bytes], annotations: Mapping[str, str] | None = None) -> str:
    """Write an archive of uncompressed or gzipped layers; the digest of its manifest."""
    blobs: dict[str, bytes] = {}

    def keep(content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"digest": f"sha256:{digest}", "size": len(content)}

    packed = [keep(gzip.compress(layers[0], mtime=0)), *map(keep, layers[1:])]
    configuration = keep(json.dumps({"created": CREATED}).encode())
    manifest = keep(
        json.dumps(
            {"config": configuration, "layers": packed, "annotations": annotations or {}}
        ).encode()
    )
    index = json.dumps({"manifests": [manifest]}).encode()
    members = {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    path.write_bytes(layer({"index.json": index, "oci-layout": b"{}"} | members))
    return str(manifest["digest"])
