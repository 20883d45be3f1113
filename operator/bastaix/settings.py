"""What can be set from outside. This is the only module that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "BASTAIX_"


class BadSetting(Exception):
    """A setting cannot be used; the message says which one and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    namespaces: frozenset[str] = frozenset()
    """Namespaces to look after; none means all."""
    log_level: str = "INFO"
    workers: int = 16
    """ModelDeployments that are worked on at the same time."""
    host: str = ""
    """Where metrics and probes are served; empty means every address of every family."""
    port: int = 8080
    probe_url: str = "http://{name}.{namespace}.svc"
    """Where the stable Service of a ModelDeployment is asked; the path comes from the check."""


def read(given: Mapping[str, str | None], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from what is given, else the environment, else the defaults."""
    default = Settings()

    def get(name: str, otherwise: str) -> str:
        text = given.get(name)
        return text if text is not None else environment.get(PREFIX + name.upper()) or otherwise

    return _settings(
        namespaces=get("namespaces", ""),
        log_level=get("log_level", default.log_level),
        workers=get("workers", str(default.workers)),
        listen=get("listen", f"{default.host}:{default.port}"),
        probe_url=get("probe_url", default.probe_url),
    )


def _settings(
    *, namespaces: str, log_level: str, workers: str, listen: str, probe_url: str
) -> Settings:
    """Settings from their texts; BadSetting names the one that is wrong."""
    level = log_level.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"log level must be debug, info, warning or error, not {log_level!r}")
    if not workers.isdecimal() or not 1 <= int(workers) <= 64:
        raise BadSetting(f"workers must be a number from 1 to 64, not {workers!r}")
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadSetting(f"listen must be HOST:PORT or :PORT, not {listen!r}")
    try:
        probe_url.format(name="name", namespace="namespace")
    except (KeyError, IndexError, ValueError) as error:
        raise BadSetting(
            f"probe URL may hold {{name}} and {{namespace}} alone, not {probe_url!r}"
        ) from error
    return Settings(
        namespaces=frozenset(each.strip() for each in namespaces.split(",") if each.strip()),
        log_level=level,
        workers=int(workers),
        host=host.strip("[]"),
        port=int(port),
        probe_url=probe_url.rstrip("/"),
    )
