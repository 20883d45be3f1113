"""Where a ModelDeployment to be run is written: in a file, in a bundle, or in a cluster.

What comes of it is text in all three cases, as whoever wrote a file would have it. No Secret is
read; the values that one holds, and those that were taken out of a bundle, are the user's to give.
"""

import asyncio
import io
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final, TextIO

import aiohttp
import yaml

from bastaix.api import names
from bastaix.api.yaml_reader import read_yaml
from bastaix.kube.cluster import Client, NoCluster
from bastaix.observe.masking import MASK
from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import MODELDEPLOYMENT
from bastaix.schema.documents import Unusable

AGENT: Final = "bastaix-reprex"
MOST_BYTES: Final = 4 * 1024 * 1024
"""An object in etcd is smaller by far; a bundle comes from somebody else."""
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".zip")
_FOLDER: Final = f"objects/{names.KIND}/"
_UNREADABLE: Final = (
    *(OSError, EOFError, RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError),
    *(zipfile.BadZipFile, zlib.error, yaml.YAMLError),
)
"""What a file of somebody else's may make of it; RuntimeError is that of a password."""
TAKEN_OUT: Final = "taken-out-of-the-bundle"
"""The Secret in whose place the user gives a value, as with any other."""


def opened(where: str, kubeconfig: str | None = None) -> TextIO:
    """A file, `-`, a bundle, or the name of one in the cluster. Unusable: it is none of these.

    `kubeconfig` is the cluster's; None: where kubectl looks for it.
    """
    if where == "-":
        return sys.stdin
    path = Path(where)
    if path.is_file():
        try:
            return _of_bundle(path) if zipfile.is_zipfile(path) else path.open(encoding="utf-8")
        except _UNREADABLE as error:
            raise Unusable(f"{path} cannot be read: {error}") from error
    if path.suffix in _SUFFIXES:
        raise Unusable(f"there is no file {where}")
    namespace, slash, name = where.rpartition("/")
    if "/" in namespace or not name or (slash and not namespace):
        raise Unusable(f"{where} is neither a file nor NAMESPACE/NAME of a {names.KIND}")
    return _named(where, asyncio.run(_read(namespace or None, name, kubeconfig)))


def _of_bundle(path: Path) -> TextIO:
    with zipfile.ZipFile(path) as bundle:
        found = [
            each
            for each in bundle.infolist()
            if _FOLDER in each.filename and each.filename.endswith(".yaml")
        ]
        if len(found) != 1:
            raise Unusable(f"{path} is no bundle: it holds {len(found)} {names.KIND}s, not one")
        if found[0].file_size > MOST_BYTES:
            raise Unusable(f"{path}: {found[0].filename} is too large for a {names.KIND}")
        body = read_yaml(bundle.read(found[0]).decode())
    if not isinstance(body, dict):
        raise Unusable(f"{path}: {found[0].filename} is no {names.KIND}")
    if _is_masked(((body.get("spec") or {}).get("app") or {}).get("args")):
        raise Unusable(
            f"{path}: the texts in spec.app.args were taken out of it, so the app cannot be run;"
            " ask for one packed by `kubectl bastaix bundle NAME --with-args`"
        )
    return _named(str(path), _with_references(body))


async def _read(namespace: str | None, name: str, kubeconfig: str | None) -> dict[str, Any]:
    try:
        client, here = await Client.login_as_user(AGENT, kubeconfig=kubeconfig, context=None)
    except NoCluster as error:
        raise Unusable(f"there is no file {name}, and no cluster to ask: {error}") from error
    namespace = namespace or here
    try:
        return await client.request("GET", MODELDEPLOYMENT.path(namespace, name))
    except Refused as refused:
        raise Unusable(f"{names.KIND} {namespace}/{name} cannot be read: {refused}") from refused
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Unusable(f"the API server {client.server} does not answer: {error!r}") from error
    finally:
        await client.close()


def _named(name: str, body: dict[str, Any]) -> TextIO:
    metadata = body.get("metadata") or {}
    kept = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {key: metadata[key] for key in ("name", "namespace") if key in metadata},
        "spec": body.get("spec"),
    }
    text = io.StringIO(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))
    text.name = name
    return text


def _with_references(body: dict[str, Any]) -> dict[str, Any]:
    """With a reference to a Secret where a value of the environment was taken out."""
    spec = dict(body.get("spec") or {})
    runtime = dict(spec.get("runtime") or {})
    if isinstance(runtime.get("env"), list):
        runtime["env"] = [_referred(each) for each in runtime["env"]]
        spec["runtime"] = runtime
    return {**body, "spec": spec}


def _is_masked(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_masked, value.values()))
    if isinstance(value, list):
        return any(map(_is_masked, value))
    return bool(value == MASK)


def _referred(variable: Any) -> Any:
    if not isinstance(variable, dict) or MASK not in str(variable.get("value", "")):
        return variable
    reference = {"name": TAKEN_OUT, "key": str(variable.get("name", ""))}
    return {"name": variable.get("name"), "valueFrom": {"secretKeyRef": reference}}
