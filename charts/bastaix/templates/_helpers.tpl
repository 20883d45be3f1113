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
{{- $hosts = append $hosts (trimSuffix "=" (printf "%s=%s" .host (join "+" $flags))) -}}
{{- end -}}
{{- join "," $hosts -}}
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
