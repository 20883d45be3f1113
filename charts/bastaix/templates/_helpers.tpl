{{/* The name of everything in the release: `bastaix` for a release of that name. */}}
{{- define "bastaix.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 44 | trimSuffix "-") .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "bastaix.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "bastaix.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name: name the account to use, or set serviceAccount.create=true" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "bastaix.source.fullname" -}}
{{- printf "%s-source" (include "bastaix.fullname" .) -}}
{{- end -}}

{{/* Another than the operator's: one account for both would give the operator every Secret. */}}
{{- define "bastaix.source.serviceAccountName" -}}
{{- $given := .Values.source.serviceAccount -}}
{{- if not $given.create -}}
{{- $_ := required "source.serviceAccount.name: name the account to use, or set source.serviceAccount.create=true" $given.name -}}
{{- end -}}
{{- $name := $given.name | default (include "bastaix.source.fullname" .) -}}
{{- if eq $name (include "bastaix.serviceAccountName" .) -}}
{{- fail (printf "source.serviceAccount.name: %s is the operator's account too, which may reach no Secret; name another" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/*
How replicas of a number are replaced. A single one is gone before the next starts: no models are
the worse for it, and it holds too when the one that goes is of a version that knows no Lease.
*/}}
{{- define "bastaix.strategy" -}}
{{- if gt (int .) 1 -}}
type: RollingUpdate
rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- else -}}
type: Recreate
{{- end -}}
{{- end -}}

{{/* What every Pod of the release has, of either component. */}}
{{- define "bastaix.releaseLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What the operator's Deployment selects by; it never changes for a release. */}}
{{- define "bastaix.selectorLabels" -}}
{{ include "bastaix.releaseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* The same for the source controller's. */}}
{{- define "bastaix.source.selectorLabels" -}}
{{ include "bastaix.releaseLabels" . }}
app.kubernetes.io/component: source
{{- end -}}

{{- define "bastaix.labels" -}}
{{ include "bastaix.selectorLabels" . }}
{{ include "bastaix.versionLabels" . }}
{{- end -}}

{{- define "bastaix.source.labels" -}}
{{ include "bastaix.source.selectorLabels" . }}
{{ include "bastaix.versionLabels" . }}
{{- end -}}

{{- define "bastaix.versionLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of a Pod: the chart's own, and those that a value adds and may not replace. */}}
{{- define "bastaix.podLabels" -}}
{{- $own := fromYaml .labels -}}
{{- range $label, $_ := .added -}}
{{- if hasKey $own $label -}}
{{- fail (printf "%s: the label %s is the chart's own; leave it out" $.value $label) -}}
{{- end -}}
{{- end -}}
{{ toYaml (merge $own .added) }}
{{- end -}}

{{- define "bastaix.image" -}}
{{- $repository := required "image.repository: name the operator's image, built from operator/Dockerfile" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The exceptions as the source controller reads them: `git.corp=private,git.git.svc=http+private`. */}}
{{- define "bastaix.source.hosts" -}}
{{- $hosts := list -}}
{{- range .Values.source.allowedHosts -}}
{{- $flags := list -}}
{{- if .http }}{{ $flags = append $flags "http" }}{{ end -}}
{{- if .private }}{{ $flags = append $flags "private" }}{{ end -}}
{{- if and .networks (not .private) }}{{ fail (printf "source.allowedHosts: %s has networks and so must be private" .host) }}{{ end -}}
{{- include "bastaix.source.refuseNowhere" (dict "value" "source.allowedHosts" "host" .host) -}}
{{- $flags = concat $flags (.networks | default list) -}}
{{- $hosts = append $hosts (trimSuffix "=" (printf "%s=%s" .host (join "+" $flags))) -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end -}}

{{/* Who may reach Ray's Pods, as the operator reads it; nothing when there are to be no policies. */}}
{{- define "bastaix.reach" -}}
{{- if .Values.networkPolicies.create -}}
{{- $operator := dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .Release.Namespace))
      "podSelector" (dict "matchLabels" (include "bastaix.selectorLabels" . | fromYaml)) -}}
{{- dict "operator" (list $operator) "kubeRay" .Values.networkPolicies.kubeRay
      "metrics" .Values.networkPolicies.metricsFrom "serve" .Values.networkPolicies.serveFrom
      "servePorts" .Values.networkPolicies.servePorts | toJson -}}
{{- end -}}
{{- end -}}

{{/* Besides DNS and the API server, the operator asks models, and nobody else. */}}
{{- define "bastaix.operator.egress" -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchExpressions:
          - {key: serving.bastaix.dev/name, operator: Exists}
  ports: [{port: 8000, protocol: TCP}]
{{- end -}}

{{/* Ports of the proxy, the object stores and the hosts that have one in their name; 443 and 80. */}}
{{- define "bastaix.source.ports" -}}
{{- $ports := list "443" "80" -}}
{{- $urls := list .Values.source.proxy .Values.source.s3Endpoint .Values.source.gsEndpoint -}}
{{- range .Values.source.allowedHosts }}{{ $urls = append $urls .host }}{{ end -}}
{{- range $urls -}}
{{- with regexFind ":[0-9]+/?$" . }}{{ $ports = append $ports (trimAll ":/" .) }}{{ end -}}
{{- end -}}
{{- range uniq $ports }}
- {port: {{ . }}, protocol: TCP}
{{- end -}}
{{- end -}}

{{/*
Besides DNS and the API server, the source controller asks public addresses by the ports above. A
proxy, object stores that the installer names, and hosts that are allowed to be `private`, may be any
Pod and anywhere in privateCIDRs, by any port: the port of a Service is not the port of its Pods.
*/}}
{{- define "bastaix.source.egress" -}}
{{- $stores := compact (without (list .Values.source.s3Endpoint .Values.source.gsEndpoint) "https://storage.googleapis.com") -}}
{{- $private := not (and (empty .Values.source.proxy) (empty $stores)) -}}
{{- range .Values.source.allowedHosts }}{{ if .private }}{{ $private = true }}{{ end }}{{ end -}}
- ports:
    {{- include "bastaix.source.ports" . | trim | nindent 4 }}
  to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: ["fc00::/7", "fe80::/10"]
{{- if $private }}
- ports: [{port: 1, endPort: 65535, protocol: TCP}]
  to:
    {{- range .Values.networkPolicies.privateCIDRs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
    # to some network plugins, such as Cilium, no block of addresses holds a Pod
    - namespaceSelector: {}
{{- end }}
{{- end -}}

{{/* Fails for what no source is at: link-local with the metadata of clouds, and the API server. */}}
{{- define "bastaix.source.refuseNowhere" -}}
{{- if regexMatch "^(https?://)?(169\\.254\\.|\\[fe[89ab][0-9a-f]:|\\[fd00:ec2::254\\]|(metadata\\.google\\.internal|kubernetes(\\.default(\\.svc(\\.[a-z0-9.-]+)?)?)?)(:[0-9]+)?/?$)" .host -}}
{{- fail (printf "%s: %s is a cloud's metadata or the API server, where no source is" .value .host) -}}
{{- end -}}
{{- end -}}

{{/* An endpoint or a proxy as the controller reads it. */}}
{{- define "bastaix.source.address" -}}
{{- include "bastaix.source.refuseNowhere" (dict "value" .value "host" .host) -}}
{{- .host -}}
{{- end -}}

{{/* Where the CA bundle is mounted from, or nothing. */}}
{{- define "bastaix.source.caVolume" -}}
{{- $bundle := .Values.source.caBundle -}}
{{- $items := list (dict "key" $bundle.key "path" "ca.crt") -}}
{{- if and $bundle.configMapName $bundle.secretName -}}
{{- fail "source.caBundle: give configMapName or secretName, not both" -}}
{{- else if $bundle.configMapName -}}
{{- dict "configMap" (dict "name" $bundle.configMapName "items" $items) | toYaml -}}
{{- else if $bundle.secretName -}}
{{- dict "secret" (dict "secretName" $bundle.secretName "items" $items) | toYaml -}}
{{- end -}}
{{- end -}}

{{/* "true" or nothing: are PodMonitors wanted, and can this cluster take them? */}}
{{- define "bastaix.podMonitors" -}}
{{- $known := .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" -}}
{{- if or (eq .Values.podMonitors.create "always") (and (eq .Values.podMonitors.create "auto") $known) -}}
true
{{- end -}}
{{- end -}}
