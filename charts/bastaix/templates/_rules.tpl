{{/*
All that the operator may do, the same in a ClusterRole and in a Role. No rule names Secrets:
the Pods of a model are given theirs by reference, so the operator never needs to read one.
Creating a RayService is creating Pods, which is why a namespaced install exists.
*/}}
{{- define "bastaix.rules" -}}
- apiGroups: [serving.bastaix.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [serving.bastaix.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
- apiGroups: [ray.io]
  resources: [rayservices]
  verbs: [get, list, watch, create, patch, delete]
# KubeRay does not pass new limits of scaling on to a live RayCluster; the operator does.
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, delete]
# Why a Pod does not start stands in its status.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Says on a ModelDeployment what has happened to it.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
