"""How the code gets into a Pod of Ray: the artifact's bytes are compared before anything runs.

An artifact is a Secret, which more people may write than revisions. So an init container copies
it to a volume of the Pod, compares the copy with the sha256 that the revision names, and Ray reads
the copy: no Secret that is replaced meanwhile is ever run. KubeRay 1.6 puts its own init container,
`wait-gcs-ready`, behind those of a template, so nothing of Ray starts in a Pod that fails here.
"""

from typing import Any, Final

from bastaix.api import names

SOURCE_PATH: Final = "/bastaix/source"
"""Where Ray finds the artifact: a sibling of the model, so neither mount lies in the other."""
SECRET_VOLUME: Final = "bastaix-source"

_COPY_VOLUME: Final = "bastaix-code"
_SECRET_PATH: Final = "/bastaix/artifact"

CHECK: Final = f"""\
file="$1.zip"; from="$2/$file"; copy="$3/$file"
if [ ! -f "$from" ]; then
  echo "the artifact's Secret holds no file $file" >&2; exit {names.MISMATCH_EXIT_CODE}
fi
cp "$from" "$copy" || exit 1
digest() {{
  if command -v sha256sum > /dev/null; then sha256sum; else python3 -c \
'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; fi
}}
digest < "$copy" | {{
  read -r found rest
  if [ "$found" = "$1" ]; then exit 0; fi
  rm -f "$copy"
  if [ -z "$found" ]; then echo "the image has neither sha256sum nor python3" >&2; exit 1; fi
  echo "the artifact has the sha256 $found, and the revision names $1" >&2
  exit {names.MISMATCH_EXIT_CODE}
}}
"""
"""For any POSIX shell, with the digest and both folders as its parameters. It substitutes no
command: Kubernetes takes `$(NAME)` in a container's command for a variable."""


def volumes(name: str, digest: str | None) -> list[dict[str, Any]]:
    """Of a Pod of the ModelDeployment of this name; none where the code is in the image."""
    if digest is None:
        return []
    # No worker starts without its code: the Secret is not optional.
    secret = {"secretName": names.artifact_name(name, digest), "defaultMode": 0o444}
    copy = {"sizeLimit": "4Mi"}  # a Secret holds 1 MiB at the most
    return [
        {"name": SECRET_VOLUME, "secret": secret},
        {"name": _COPY_VOLUME, "emptyDir": copy},
    ]


def mounts(digest: str | None) -> list[dict[str, Any]]:
    """Of the Ray container, which runs what was compared and cannot change it."""
    mount = {"name": _COPY_VOLUME, "mountPath": SOURCE_PATH, "readOnly": True}
    return [] if digest is None else [mount]


def init_containers(
    digest: str | None, *, image: str, pull_policy: str, security: dict[str, Any]
) -> list[dict[str, Any]]:
    """It has the image of the Ray container, which is pulled anyway, and nothing of its env."""
    if digest is None:
        return []
    return [
        {
            "name": names.SOURCE_CHECK_CONTAINER,
            "image": image,
            "imagePullPolicy": pull_policy,
            "command": ["sh", "-c", CHECK, "check"],
            "args": [digest.removeprefix("sha256:"), _SECRET_PATH, SOURCE_PATH],
            # a ResourceQuota may want all of them; the Ray container asks for more anyway
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"},
                "limits": {"memory": "128Mi"},
            },
            "securityContext": {**security, "readOnlyRootFilesystem": True},
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": SECRET_VOLUME, "mountPath": _SECRET_PATH, "readOnly": True},
                {"name": _COPY_VOLUME, "mountPath": SOURCE_PATH},
            ],
        }
    ]
