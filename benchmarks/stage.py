"""What is to be seen of a rollout in its namespace, and when each part of it happened.

Read from Kubernetes' own objects where they say it (the stable Service's selector is what
promotes), by the names and labels that the operator gives; from status only what it alone says.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from bastaix.api import names
from benchmarks.watched import Event, Watch, current, first, last, seconds_without_endpoint
from demo import steps


class Told(Protocol):
    """A watch, as far as it matters here."""

    @property
    def events(self) -> Iterable[Event]: ...


@dataclass(frozen=True)
class Stage:
    """A ModelDeployment whose revision `old` was active when the watches began."""

    name: str
    old: str
    deployments: Told
    rayservices: Told
    pods: Told
    services: Told
    slices: Told

    def is_complete(self) -> bool:
        """Something of each kind has been told."""
        kinds = (self.deployments, self.rayservices, self.pods, self.services, self.slices)
        return all(any(True for _ in kind.events) for kind in kinds)

    def refuse_stalled(self) -> None:
        """Waiting is in vain once the operator has given up."""
        found = current(self.deployments.events).get(self.name)
        if found is None:
            return
        stalled = steps.conditions(found).get("Stalled", {})
        observed = stalled.get("observedGeneration") == found["metadata"]["generation"]
        if stalled.get("status") == "True" and observed:
            raise RuntimeError(f"the rollout has ended: {steps.say_line(found)}")

    def is_active(self, commit: str) -> bool:
        """Whether the status says so."""
        status = current(self.deployments.events)[self.name].get("status", {})
        return bool(status.get("active", {}).get("commit") == commit)

    def pods_came(self) -> float | None:
        """When the new revision's first Pod was made."""
        return first(self.pods.events, self._is_new)

    def candidate_url(self) -> str:
        """Of the new revision's own Service; empty until there is one."""
        new = next((_revision(event) for event in self.pods.events if self._is_new(event)), "")
        service = names.candidate_service_name(self.name, new)
        found = current(self.services.events).get(service)
        return f"http://{found['spec']['clusterIP']}:{names.SERVE_PORT}" if found else ""

    def promoted(self) -> float | None:
        """When the stable Service came to select another revision."""

        def selects_another(event: Event) -> bool:
            selector = event.object["spec"].get("selector", {})
            selected = selector.get(names.REVISION_LABEL, self.old)
            return event.name == names.service_name(self.name) and selected != self.old

        return first(self.services.events, selects_another)

    def old_is_gone(self) -> bool:
        """Neither its RayService nor a Pod is left."""
        found: list[dict[str, Any]] = [
            *current(self.rayservices.events).values(),
            *current(self.pods.events).values(),
        ]
        labels = (each["metadata"].get("labels", {}) for each in found)
        return all(each.get(names.REVISION_LABEL) != self.old for each in labels)

    def old_went(self) -> float | None:
        """When the last of it went."""

        def went(event: Event) -> bool:
            return event.deleted and _revision(event) == self.old

        return last([*self.rayservices.events, *self.pods.events], went)

    def seconds_without_endpoint(self, began: float, ended: float) -> float:
        return seconds_without_endpoint(self.slices.events, began, ended)

    def _is_new(self, event: Event) -> bool:
        return _revision(event) not in ("", self.old)


def _revision(event: Event) -> str:
    return event.labels.get(names.REVISION_LABEL, "")


def watched(stack: ExitStack, name: str, namespace: str, old: str) -> Stage:
    """The stage of a ModelDeployment that is alone in its namespace, until the stack is left."""

    def watch(kind: str, selector: str = "") -> Watch:
        return stack.enter_context(Watch(kind, namespace, selector=selector))

    return Stage(
        name=name,
        old=old,
        deployments=watch(f"{names.PLURAL}.{names.GROUP}"),
        rayservices=watch(f"rayservices.{names.RAY_GROUP}"),
        pods=watch("pods"),
        services=watch("services"),
        slices=watch("endpointslices", f"kubernetes.io/service-name={names.service_name(name)}"),
    )
