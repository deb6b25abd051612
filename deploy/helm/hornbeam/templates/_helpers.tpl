{{- define "hornbeam.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hornbeam.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "hornbeam.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "hornbeam.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hornbeam.selector" -}}
app.kubernetes.io/name: {{ include "hornbeam.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "hornbeam.labels" -}}
app.kubernetes.io/name: {{ include "hornbeam.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: hornbeam
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "hornbeam.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- $tag := .Values.image.tag | default (printf "%s%s" .Chart.AppVersion (ternary "-cuda" "" .Values.gpu.enabled)) -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{- define "hornbeam.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "hornbeam.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What the chart itself tells the server, by the tables of its file. */}}
{{- define "hornbeam.own" -}}
server: {host: 0.0.0.0, drain_delay_seconds: {{ .Values.termination.drainDelaySeconds }}, grace_seconds: {{ .Values.termination.graceSeconds }}}
transport:
  grpc_port: 8001
  {{- if .Values.tls.secretName }}
  tls_cert: /etc/hornbeam-tls/tls.crt
  tls_key: /etc/hornbeam-tls/tls.key
  {{- end }}
  {{- if .Values.tls.requireClientCertificate }}
  tls_client_ca: /etc/hornbeam-tls/ca.crt
  {{- end }}
admin: {admin_port: 8002}
device: {device: {{ ternary "cuda" "cpu" .Values.gpu.enabled }}}
{{- end -}}

{{/* The server's file: that, and what the user adds. A value in JSON is one in TOML. */}}
{{- define "hornbeam.config" -}}
{{- range $table, $options := mergeOverwrite (deepCopy .Values.options) (include "hornbeam.own" . | fromYaml) }}
[{{ $table }}]
{{- range $name, $value := $options }}
{{ $name }} = {{ toJson $value }}
{{- end }}
{{ end }}
{{- end -}}

{{/* What no schema can say: values that are wrong together. */}}
{{- define "hornbeam.check" -}}
{{- $models := .Values.models -}}
{{- if not $models.source -}}
{{- fail "models.source must be chosen: image (an OCI model image, Kubernetes 1.35), pvc (a volume with a repository), export (a .keras file, exported as the pod starts) or copy (a container that fetches a repository)" -}}
{{- end -}}
{{- if eq $models.source "image" -}}
{{- if not $models.image.reference -}}
{{- fail "models.source is image, so models.image.reference must name the image that `hornbeam pack` wrote and you pushed" -}}
{{- end -}}
{{- end -}}
{{- if and (or (eq $models.source "image") (and (eq $models.source "export") $models.export.imageReference)) (semverCompare "<1.35.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "image volumes are off before Kubernetes 1.35, and this is %s: use models.source pvc or copy (with `helm template`, say --kube-version)" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and (eq $models.source "pvc") (not $models.pvc.claimName) -}}
{{- fail "models.source is pvc, so models.pvc.claimName must name the claim that holds the repository" -}}
{{- end -}}
{{- if eq $models.source "export" -}}
{{- if not (and $models.export.image $models.export.file) -}}
{{- fail "models.source is export, so models.export.image (built with --target builder) and models.export.file must be given" -}}
{{- end -}}
{{- if eq (empty $models.export.claimName) (empty $models.export.imageReference) -}}
{{- fail "models.source is export, so give one of models.export.claimName and models.export.imageReference: where the file lies" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $models.source "copy") (not (and $models.copy.image $models.copy.command)) -}}
{{- fail "models.source is copy, so models.copy.image and models.copy.command must say what fills $(MODELS)" -}}
{{- end -}}
{{- range $table, $names := dict "server" (list "host" "drain_delay_seconds" "grace_seconds") "admin" (list "admin_port")
      "transport" (list "grpc_port" "tls_cert" "tls_key" "tls_client_ca") "device" (list "device") -}}
{{- range $name := $names -}}
{{- if hasKey (get $.Values.options $table | default dict) $name -}}
{{- fail (printf "options.%s.%s is the chart's own to set: see termination, tls and gpu" $table $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tls.requireClientCertificate (not .Values.tls.secretName) -}}
{{- fail "tls.requireClientCertificate needs tls.secretName, a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and .Values.gpu.dra.enabled (not .Values.gpu.enabled) -}}
{{- fail "gpu.dra.enabled needs gpu.enabled" -}}
{{- end -}}
{{- if and .Values.gpu.dra.enabled (semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "gpu.dra needs Kubernetes 1.34, and this is %s: use gpu.resource" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas %d is more than autoscaling.maxReplicas %d" (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- if and .Values.grpcRoute.enabled (not .Values.grpcRoute.parentRefs) -}}
{{- fail "grpcRoute.enabled needs grpcRoute.parentRefs: the Gateway that takes the calls" -}}
{{- end -}}
{{- range $name, $_ := .Values.podLabels -}}
{{- if has $name (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component") -}}
{{- fail (printf "podLabels.%s is what the Services select pods by" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
