"""Which packages an image holds, by what their own package managers left in it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from pathlib import PurePosixPath

from packageurl import PackageURL

from release.image import Files

INSTALLED = "install ok installed"
LONGEST_LICENCE = 100  # characters; what is longer is the licence's text and not its name
CLASSIFIER = "License :: "
PYTHON = re.compile(r'#define\s+PY_VERSION\s+"([^"+]+)')


@dataclass(frozen=True)
class Package:
    """`licences`: as the package itself names them, SPDX or not. `found`: where it says so."""

    name: str
    version: str
    purl: str
    licences: tuple[str, ...]
    found: tuple[str, ...]


def packages(files: Files) -> list[Package]:
    """All of them, sorted, each once with every place where it was found."""
    merged: dict[str, Package] = {}
    for package in (*_debian(files), *_python(files), *_interpreters(files)):
        known = merged.get(package.purl)
        found = {*package.found, *(known.found if known else ())}
        merged[package.purl] = replace(package, found=tuple(sorted(found)))
    return [merged[purl] for purl in sorted(merged)]


def _debian(files: Files) -> Iterator[Package]:
    system = _os_release(files)
    distribution = f"{system.get('ID', 'debian')}-{system.get('VERSION_ID', 'unknown')}"
    for path, content in files.items():
        if not path.startswith("var/lib/dpkg/status"):
            continue
        for stanza in _stanzas(content):
            # A status of a single package (status.d, in images without dpkg) has no such field.
            if stanza.get("Status", INSTALLED) != INSTALLED or not stanza["Package"]:
                continue
            name, version = stanza["Package"], stanza["Version"]
            qualifiers = {"arch": stanza["Architecture"], "distro": distribution}
            yield Package(
                name,
                version,
                PackageURL(
                    "deb", system.get("ID", "debian"), name, version, qualifiers
                ).to_string(),
                _copyright(files.get(f"usr/share/doc/{name}/copyright", b"")),
                (path,),
            )


def _python(files: Files) -> Iterator[Package]:
    for path, content in files.items():
        if path.endswith(".dist-info/METADATA"):
            metadata = _headers(content)
            name, version = metadata["Name"], metadata["Version"]
            yield Package(
                name,
                version,
                PackageURL("pypi", None, name, version).to_string(),
                _python_licences(metadata),
                (str(PurePosixPath(path).parent),),
            )


def _interpreters(files: Files) -> Iterator[Package]:
    """CPython where no package manager brought it, as in the images called `python`."""
    for path, content in files.items():
        if path.endswith("/patchlevel.h") and (said := PYTHON.search(content.decode())):
            version = said[1]
            purl = PackageURL("generic", None, "python", version).to_string()
            yield Package("python", version, purl, ("Python-2.0.1",), (path,))


def _python_licences(metadata: Message) -> tuple[str, ...]:
    if expression := metadata["License-Expression"]:
        return (str(expression),)
    named = str(metadata["License"] or "").strip()
    if named and "\n" not in named and len(named) <= LONGEST_LICENCE and named != "UNKNOWN":
        return (named,)
    classifiers = [str(value) for value in metadata.get_all("Classifier", [])]
    return tuple(
        sorted(
            value.removeprefix(CLASSIFIER).removeprefix("OSI Approved :: ")
            for value in classifiers
            if value.startswith(CLASSIFIER)
        )
    )


def _copyright(content: bytes) -> tuple[str, ...]:
    """The licences that a machine-readable debian/copyright names."""
    text = content.decode(errors="replace")
    if not text.startswith("Format:"):
        return ()
    named = re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)
    return tuple(sorted({name.strip() for name in named if len(name) <= LONGEST_LICENCE}))


def _stanzas(content: bytes) -> Iterator[Message]:
    for stanza in content.strip().split(b"\n\n"):
        if stanza.strip():
            yield _headers(stanza)


def _headers(content: bytes) -> Message:
    return HeaderParser().parsestr(content.decode(errors="replace"))


def _os_release(files: Files) -> Mapping[str, str]:
    lines = files.get("usr/lib/os-release", b"").decode().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value.strip("\"'") for key, _, value in pairs}
