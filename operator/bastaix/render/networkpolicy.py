"""The NetworkPolicy of a model's Ray Pods: who may connect to which of their ports.

Ingress alone: where the code of a model may connect to is its namespace's affair. Ray's own ports
(GCS, raylets, agents, object transfer, what vLLM and NCCL open) are for the Pods of the same model.
It selects by labels that every Pod of Ray has had from the first version on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render.revision import owner_reference

DASHBOARD_PORT: Final = 8265
"""By which KubeRay (1.6) hands in the Serve config, and asks what became of it."""
METRICS_PORTS: Final = (names.METRICS_PORT, 44217, 44227)
"""Of Ray's agents, of its autoscaler, and of its dashboard."""

Peer = Mapping[str, Any]
"""As in `from` of a NetworkPolicy: podSelector, namespaceSelector, ipBlock."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Who may connect; kubelet's probes come from the node, which no policy keeps out."""

    operator: Sequence[Peer]
    kuberay: Sequence[Peer]
    metrics: Sequence[Peer] = ()
    """None: everybody."""
    serve: Sequence[Peer] = ()
    """To the ports of the API; none: everybody."""
    serve_ports: Sequence[int] = (names.SERVE_PORT,)


def network_policy(md: ModelDeployment, reach: Reach) -> dict[str, Any]:
    pods = {
        "matchLabels": {names.NAME_LABEL: md.name},
        "matchExpressions": [{"key": names.RAY_NODE_TYPE_LABEL, "operator": "Exists"}],
    }
    evaluations = {
        "matchLabels": {names.NAME_LABEL: md.name},
        "matchExpressions": [{"key": names.EVALUATION_LABEL, "operator": "Exists"}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": names.network_policy_name(md.name),
            "namespace": md.namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.NAME_LABEL: md.name,
            },
            "ownerReferences": [owner_reference(md)],
        },
        "spec": {
            "podSelector": pods,
            "policyTypes": ["Ingress"],
            "ingress": [
                # one Ray cluster: every port of every protocol
                {"from": [{"podSelector": pods}]},
                _rule(reach.kuberay, DASHBOARD_PORT, names.SERVE_PORT),
                _rule([*reach.operator, {"podSelector": evaluations}], names.SERVE_PORT),
                _rule(reach.metrics, *METRICS_PORTS),
                _rule(reach.serve, *reach.serve_ports),
            ],
        },
    }


def _rule(peers: Sequence[Peer], *ports: int) -> dict[str, Any]:
    """Without peers it is for everybody."""
    rule: dict[str, Any] = {"ports": [{"port": port, "protocol": "TCP"} for port in ports]}
    return {"from": [dict(peer) for peer in peers], **rule} if peers else rule
