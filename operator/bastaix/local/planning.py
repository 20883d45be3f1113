"""What is to run here: the cluster's own Serve configuration, with what a laptop lacks replaced.

Pure. The configuration is made by `render.serve_config` and nothing else, so what differs from
the cluster is what stands here: one replica, no GPU, the claim's folder in place of its mount,
loopback in place of all addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bastaix.api.check import Check
from bastaix.api.v1alpha1 import Model, ModelDeployment, Scaling
from bastaix.local import environment
from bastaix.local.environment import Environment
from bastaix.render import model_source, pods, raycluster, serve_config
from bastaix.schema.documents import Unusable

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Plan:
    name: str
    import_path: str
    model: str | None
    config: Mapping[str, Any]
    """For Serve; where the code and the port are is put in by `placed`."""
    environment: Environment
    check: Check
    worker_cpus: int
    """Of one worker of the cluster, in which a replica must find its room."""
    workers: int
    """As many as the cluster's Ray could have. They are one here."""
    notes: tuple[str, ...]

    @property
    def cpus(self) -> int:
        return self.worker_cpus * self.workers

    @property
    def module(self) -> str:
        return split(self.import_path)[0]

    @property
    def attribute(self) -> str:
        return split(self.import_path)[1]

    @property
    def args(self) -> Mapping[str, Any]:
        (application,) = self.config["applications"]
        given: Mapping[str, Any] = application.get("args", {})
        return given


def split(import_path: str) -> tuple[str, str]:
    """Module and name, as Ray tells them apart."""
    separator = ":" if ":" in import_path else "."
    module, _, name = import_path.rpartition(separator)
    return module, name


def plan(md: ModelDeployment, volumes: Mapping[str, Path], local: Mapping[str, str]) -> Plan:
    """`volumes` are folders by the claim that they stand for. Unusable: one is missing."""
    here = _here(md, volumes)
    config = serve_config.serve_config(here, None)
    config = serve_config.scaled(config, here, serve_config.deployment_name(here))
    folder = _claimed(md, volumes)
    if folder is not None:
        config = _moved(config, folder)
    runtime = md.spec.runtime
    variables = environment.read(pods.model_env(here), runtime.env, runtime.env_from, local)
    return Plan(
        name=md.name,
        import_path=md.spec.app.import_path,
        model=md.spec.model.id if md.spec.model else None,
        config=config,
        environment=variables,
        check=md.spec.app.check,
        worker_cpus=raycluster.worker_cpus(here),
        workers=md.spec.scaling.max_replicas,
        notes=(*_notes(md), *variables.notes),
    )


def placed(plan: Plan, *, port: int, artifact: Path | None) -> dict[str, Any]:
    """The configuration with the code and the port, neither of which is anybody else's."""
    (application,) = plan.config["applications"]
    if artifact is not None:
        application = {**application, "runtime_env": {"working_dir": f"file://{artifact}"}}
    return {
        **plan.config,
        "http_options": {"host": HOST, "port": port},
        "applications": [application],
    }


def _here(md: ModelDeployment, volumes: Mapping[str, Path]) -> ModelDeployment:
    model = md.spec.model
    folder = _claimed(md, volumes)
    if model is not None and folder is not None:
        path = (model.source or "").removeprefix("pvc://").partition("/")[2]
        model = replace(model, source=f"path://{(folder / path).absolute()}")
    scaling = Scaling(deployment=md.spec.scaling.deployment)
    resources = replace(md.spec.resources, gpu=None)
    spec = replace(md.spec, model=model, scaling=scaling, resources=resources)
    return replace(md, spec=spec)


def _claimed(md: ModelDeployment, volumes: Mapping[str, Path]) -> Path | None:
    claim = _claim(md.spec.model)
    if claim is None:
        return None
    if claim not in volumes:
        assert md.spec.model is not None
        raise Unusable(
            f"spec.model.source is {md.spec.model.source}: say where the files of that claim are"
            f" here, with --volume {claim}=DIR"
        )
    return volumes[claim]


def _claim(model: Model | None) -> str | None:
    return None if model is None else model_source.parse(model.source).claim


def _moved(value: Any, folder: Path) -> Any:
    """Where an argument names the claim's mount, it means the folder."""
    if isinstance(value, Mapping):
        return {key: _moved(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, folder) for each in value]
    mount = model_source.MOUNT_PATH
    if isinstance(value, str) and (value == mount or value.startswith(f"{mount}/")):
        return f"{folder.absolute()}{value.removeprefix(mount)}"
    return value


def _notes(md: ModelDeployment) -> list[str]:
    notes = []
    gpu = md.spec.resources.gpu
    if gpu is not None:
        notes.append(f"on {gpu.count} GPU in the cluster, on CPU here: slower, and by other code")
    notes += [
        f"the volume at {mount.get('mountPath')} is not mounted here"
        for mount in md.spec.runtime.volume_mounts
    ]
    if md.spec.source.git is None and md.spec.source.archive is None:
        notes.append("the code is in the image, so --python must hold it too")
    return notes
