"""What can be set from outside. This is the only module that reads the environment."""

import json
import os
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bastaix.api import names
from bastaix.api.patterns import OBJECT_NAME
from bastaix.render.evaluation import OwnImage
from bastaix.render.networkpolicy import Reach
from bastaix.source.addresses import Network
from bastaix.source.policy import HostRule, Policy

PREFIX: Final = "BASTAIX_"

_HOST: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_FLAGS: Final = frozenset({"http", "private"})

Get = Callable[[str, str], str]
"""Called with a name and what holds when nothing is set."""


class BadSetting(Exception):
    """A setting cannot be used; the message says which one and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """What both controllers have."""

    namespaces: frozenset[str] = frozenset()
    """Namespaces to look after; none means all."""
    log_level: str = "INFO"
    workers: int = 16
    """ModelDeployments that are worked on at the same time."""
    host: str = ""
    """Where metrics and probes are served; empty means every address of every family."""
    port: int = 8080
    lease: tuple[str, str] | None = None
    """Namespace and name of the Lease that decides which replica works; None: this one does."""
    holder: str = ""
    """What this replica is called in the Lease, as no other is that runs; empty: by chance."""


@dataclass(frozen=True, kw_only=True)
class Settings(Common):
    """The operator's."""

    probe_url: str | None = None
    """Where an app is asked in place of its Pods, by an operator that does not reach them: with
    the {name}, {namespace} and {port} of a Service. The path comes from the check."""
    evaluation_image: OwnImage | None = None
    """In which `bastaix eval` runs: the operator's own image, which it cannot know by itself."""
    reach: Reach | None = None
    """Who may reach Ray's Pods; None: they get no NetworkPolicy."""


@dataclass(frozen=True, kw_only=True)
class SourceSettings(Common):
    """The source controller's."""

    workers: int = 4
    policy: Policy = field(default_factory=Policy)
    work: Path | None = None
    """A folder of this process alone for what is being fetched; else a temporary one is made."""
    unpacker: Path | None = None
    """The socket of the process that opens archives; else one is started for each."""
    keep_seconds: int = 600
    """An artifact that nothing names is not removed before it is so old."""


def read(given: Mapping[str, str | None], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from what is given, else the environment, else the defaults."""
    get = _getter(given, environment)
    return Settings(
        **_common(get, Settings()),
        probe_url=_probe_url(get("probe_url", "")),
        evaluation_image=_own_image(
            get("evaluation_image", ""), get("evaluation_pull_secrets", "")
        ),
        reach=_reach(get("network_policies", "")),
    )


def read_source(
    given: Mapping[str, str | None], environment: Mapping[str, str] = os.environ
) -> SourceSettings:
    get = _getter(given, environment)
    work = get("source_work", "")
    unpacker = get("source_unpacker", "")
    keep = get("source_keep_seconds", str(SourceSettings.keep_seconds))
    if not keep.isdecimal():
        raise BadSetting(f"source keep seconds must be a number, not {keep!r}")
    return SourceSettings(
        **_common(get, SourceSettings()),
        policy=read_policy(environment),
        work=Path(work) if work else None,
        unpacker=Path(unpacker) if unpacker else None,
        keep_seconds=int(keep),
    )


def read_policy(environment: Mapping[str, str] = os.environ) -> Policy:
    """What may be reached, for whoever fetches sources."""
    get = _getter({}, environment)
    return Policy(
        hosts=_hosts(get("source_hosts", "")),
        denied_networks=_networks(
            "source denied networks",
            filter(None, map(str.strip, get("source_denied_networks", "").split(","))),
        ),
        api_server=environment.get("KUBERNETES_SERVICE_HOST") or None,
        proxy=_url("source proxy", get("source_proxy", "")),
        ca_file=_ca_file(get("source_ca_file", "")),
        s3_endpoint=_url("source S3 endpoint", get("source_s3_endpoint", "")),
        gs_endpoint=_url("source GS endpoint", get("source_gs_endpoint", "")),
    )


def _own_image(reference: str, pull_secrets: str) -> OwnImage | None:
    secrets = tuple(name.strip() for name in pull_secrets.split(",") if name.strip())
    wrong = next((name for name in secrets if not OBJECT_NAME.fits(name)), None)
    if wrong is not None:
        raise BadSetting(f"evaluation pull secrets: {wrong!r} is not the name of a Secret")
    return OwnImage(reference, secrets) if reference else None


def _getter(given: Mapping[str, str | None], environment: Mapping[str, str]) -> Get:
    def get(name: str, otherwise: str) -> str:
        text = given.get(name)
        return text if text is not None else environment.get(PREFIX + name.upper()) or otherwise

    return get


def _common(get: Get, default: Common) -> dict[str, Any]:
    """The fields of `Common` from their texts; BadSetting names the one that is wrong."""
    level = get("log_level", default.log_level)
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting(f"log level must be debug, info, warning or error, not {level!r}")
    workers = get("workers", str(default.workers))
    if not workers.isdecimal() or not 1 <= int(workers) <= 64:
        raise BadSetting(f"workers must be a number from 1 to 64, not {workers!r}")
    listen = get("listen", f"{default.host}:{default.port}")
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadSetting(f"listen must be HOST:PORT or :PORT, not {listen!r}")
    namespaces = get("namespaces", "").split(",")
    return {
        "namespaces": frozenset(each.strip() for each in namespaces if each.strip()),
        "log_level": level.upper(),
        "workers": int(workers),
        "host": host.strip("[]"),
        "port": int(port),
        "lease": _lease(get("lease", "")),
        "holder": get("lease_holder", default.holder),
    }


def _lease(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    namespace, _, name = text.partition("/")
    if not (_LABEL.fullmatch(namespace) and _SUBDOMAIN.fullmatch(name)):
        raise BadSetting(f"lease must be NAMESPACE/NAME, not {text!r}")
    return namespace, name


def _probe_url(text: str) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text.format(name="name", namespace="namespace", port=80))
    except (KeyError, IndexError, ValueError) as error:
        raise BadSetting(
            f"probe URL may hold {{name}}, {{namespace}} and {{port}} alone, not {text!r}"
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadSetting(f"probe URL must be http[s]://HOST[:PORT][/PATH], not {text!r}")
    return text.rstrip("/")


def _reach(text: str) -> Reach | None:
    """`{"operator": […], "kubeRay": […], "metrics": […], "serve": […], "servePorts": […]}`."""
    if not text:
        return None
    wanted = 'network policies must be JSON with lists of peers: {"operator": [{…}], …}'
    try:
        given = json.loads(text)
        ports = given.pop("servePorts", [names.SERVE_PORT])
        peers = {key: tuple(given.pop(key)) for key in ("operator", "kubeRay", "metrics", "serve")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSetting(wanted) from error
    is_peers = all(isinstance(peer, dict) for peer in sum(peers.values(), ()))
    if given or not is_peers or not ports or not all(type(port) is int for port in ports):
        raise BadSetting(wanted)
    return Reach(
        operator=peers["operator"],
        kuberay=peers["kubeRay"],
        metrics=peers["metrics"],
        serve=peers["serve"],
        serve_ports=tuple(ports),
    )


def _hosts(text: str) -> Mapping[str, HostRule]:
    """`git.git.svc=http+private,ghe.corp=private+10.20.0.0/16,other.corp`."""
    rules: dict[str, HostRule] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        host, _, flags = entry.lower().partition("=")
        named = frozenset(filter(None, flags.split("+")))
        networks = {word for word in named if "/" in word}
        if not _HOST.fullmatch(host) or not named - networks <= _FLAGS:
            raise BadSetting(
                "source hosts must be HOST[:PORT][=http+private+NETWORK], with commas,"
                f" and {entry!r} is not: no scheme, no path, no other words"
            )
        if networks and "private" not in named:
            raise BadSetting(f"source hosts may bind to networks what is private, not {entry!r}")
        if host.endswith((":80", ":443")):
            raise BadSetting(
                f"source hosts must name a host without the port that is its scheme's: {host!r}"
            )
        if host in rules:
            raise BadSetting(f"source hosts must name each host once, and {host} stands twice")
        rules[host] = HostRule(
            http="http" in named,
            private="private" in named,
            networks=_networks("source hosts", sorted(networks)),
        )
    return rules


def _networks(what: str, texts: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise BadSetting(f"{what} must name networks such as 10.20.0.0/16: {error}") from error


def _url(what: str, text: str) -> str | None:
    """The message never repeats the text, for what is wrong with it may be a password in it."""
    if not text:
        return None
    wanted = f"{what} must be http[s]://HOST[:PORT], without user, password and path"
    try:
        parts = urlsplit(text)
        right = parts.port is None or parts.port > 0
    except ValueError as error:
        raise BadSetting(wanted) from error
    right = right and parts.scheme in ("http", "https") and bool(parts.hostname)
    if not right or "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadSetting(wanted)
    return f"{parts.scheme}://{parts.netloc}"


def _ca_file(text: str) -> Path | None:
    if not text:
        return None
    if not os.access(text, os.R_OK):
        raise BadSetting(f"source CA file must be a PEM file that can be read, not {text!r}")
    try:
        ssl.create_default_context(cafile=text)
    except ssl.SSLError as error:
        raise BadSetting(f"source CA file must hold certificates as PEM: {text!r}") from error
    return Path(text)
