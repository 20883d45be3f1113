"""The model of the demo: SmolLM2, 135 million parameters, small enough for two processors.

A Python package carries it in a packed form that vLLM does not read; `ensure` converts it once,
inside the Ray image, and keeps the outcome. `volume` makes it a volume of a namespace.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cluster import builder, enclosure, images, node, paths, programs
from cluster.locks import lock
from cluster.progress import Progress

MODELS = paths.CACHE / "models"
NAME = "smollm2"
CLAIM = "models"  # so a ModelDeployment's model.source is `pvc://models/smollm2`
RECIPE = paths.SOURCES / NAME
CONTAINER = f"convert-{NAME}"
RECIPE_FILE = ".recipe"  # what the model was made by, so that a new recipe makes it anew
OUTCOME = ("config.json", "model.safetensors", "tokenizer.json")


class ModelError(RuntimeError):
    """The model could not be prepared; the message says why."""


def ensure(progress: Progress | None = None) -> Path:
    """The folder of the model, made first where it is missing."""
    say = progress or Progress()
    target = MODELS / NAME
    with lock(f"model-{NAME}"):
        recipe = programs.content(RECIPE)
        if not (target / RECIPE_FILE).exists() or (target / RECIPE_FILE).read_text() != recipe:
            unfinished = MODELS / f".{NAME}.unfinished"  # of a run that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
            (unfinished / "made").mkdir(parents=True)
            try:
                _make(unfinished, say)
                (unfinished / "made" / RECIPE_FILE).write_text(recipe)
                shutil.rmtree(target, ignore_errors=True)
                (unfinished / "made").rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _make(folder: Path, progress: Progress) -> None:
    with progress.step("fetching the model"):
        _fetch(folder / "packages")
    image = images.ensure("ray", progress=progress)["ray"]
    with progress.step("converting the model"):
        _convert(image, folder)
    if missing := [name for name in OUTCOME if not (folder / "made" / name).exists()]:
        raise ModelError(f"converting the model made no {', '.join(missing)}")


def _fetch(packages: Path) -> None:
    """The package with the model, and what reading it needs, into a folder of their own."""
    programs.run(
        *(uv(), "pip", "install", "--quiet", "--no-cache", "--no-deps", "--require-hashes"),
        *("--python-version", "3.11", "--target", packages),
        *("--requirement", RECIPE / "requirements.txt"),
        UV_NATIVE_TLS="1",
    )


def uv() -> Path:
    """The installer, which the Makefile puts into the cache."""
    if found := shutil.which("uv"):
        return Path(found)
    if cached := list(paths.CACHE.glob("uv-*/bin/uv")):
        return max(cached, key=lambda found: found.stat().st_mtime)
    raise ModelError("uv is missing; `make venv` fetches it")


def _convert(image: str, folder: Path) -> None:
    """In the node's namespaces, where containerd is, but in no Pod: the cluster need not be up."""
    holder = enclosure.holder()
    if holder is None:
        raise ModelError("containerd is not running; `make cluster` starts it")
    _forget()
    (gguf,) = (folder / "packages").glob("*/*.gguf")
    inside = Path("/packages", *gguf.relative_to(folder / "packages").parts)
    made = folder / "made"
    os.chown(made, 1000, 1000)  # the image's user
    done = subprocess.run(
        [
            *(*enclosure.enter(holder), *_ctr(), "run", "--rm", "--cgroup="),
            *("--env", "PYTHONPATH=/packages", "--env", "HF_HUB_OFFLINE=1"),
            *("--mount", _bind(RECIPE, "/recipe", "ro")),
            *("--mount", _bind(folder / "packages", "/packages", "ro")),
            *("--mount", _bind(made, "/made", "rw")),
            *(image, CONTAINER, "python", "/recipe/convert.py", str(inside), "/made"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-builder.LAST_LINES :])
        raise ModelError(f"converting the model failed:\n{said}")


def _ctr() -> tuple[str, ...]:
    address = ("--address", str(paths.CONTAINERD_SOCKET), "--namespace", "k8s.io")
    return (str(programs.path("ctr")), *address)


def _bind(source: Path, target: str, mode: str) -> str:
    return f"type=bind,src={source},dst={target},options=rbind:{mode}"


def _forget() -> None:
    """What a killed conversion left."""
    if CONTAINER in node.ctr("tasks", "ls", "-q").split():
        node.ctr("tasks", "rm", "--force", CONTAINER)
    if CONTAINER in node.ctr("containers", "ls", "-q").split():
        node.ctr("containers", "rm", CONTAINER)


def volume(namespace: str) -> list[dict[str, Any]]:
    """A volume with the models and the claim that takes it, for Pods that may mount no folder of
    the node."""
    size = {"storage": "1Gi"}
    name = f"{CLAIM}-{namespace}"
    shared = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeMode": "Filesystem"}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **shared,
                "capacity": size,
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"name": CLAIM, "namespace": namespace},
                "hostPath": {"path": str(MODELS), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": {**shared, "volumeName": name, "resources": {"requests": size}},
        },
    ]
