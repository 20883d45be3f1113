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
# An evaluation of a candidate is a Job.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# Who may reach Ray's Pods; deleted when networkPolicies.create is turned off.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# Why a Pod does not start stands in its status.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Why an engine died stands in the log of its own process alone.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Why a volume is not mounted stands in the Events of its Pod alone.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# Why a claim is not bound yet stands in the claim and in its Events; it is read by its name.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
# Says on a ModelDeployment what has happened to it, and on what it said that it happened again.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/*
What each controller may do beside that, in the release's namespace alone: hold its own Lease.
Kubernetes cannot restrict creating by name.
*/}}
{{- define "bastaix.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ . }}]
  verbs: [get, update]
{{- end -}}

{{/*
All that the source controller may do. It reads the Secrets that ModelDeployments name and makes
those that hold their code. Kubernetes cannot grant listing by label or by name, so `list` reaches
every Secret of the namespace; it is used with a label, and for metadata alone, to find the
artifacts of one ModelDeployment. Nothing watches Secrets.
*/}}
{{- define "bastaix.source.rules" -}}
- apiGroups: [serving.bastaix.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [serving.bastaix.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, create, delete]
# An artifact stays for as long as a revision names it.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list]
{{- end -}}
