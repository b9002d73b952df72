{{- /* Names. The policies compare the service accounts' names. */ -}}
{{- define "ecg.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "ecg.labels" -}}
{{ include "ecg.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "ecg.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* The user's labels; the chart's own, which Services and policies select by, override them. Arguments: root,
component. */ -}}
{{- define "ecg.podLabels" -}}
{{- $own := include "ecg.labels" .root | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/component" .component -}}
{{- merge $own (deepCopy (get .root.Values .component).podLabels) | toYaml -}}
{{- end -}}

{{- /* Arguments: root, component. */ -}}
{{- define "ecg.serviceAccount" -}}
{{- $account := (get .root.Values .component).serviceAccount -}}
{{- $own := printf "%s-%s" (include "ecg.fullname" .root) .component -}}
{{- if $account.name -}}{{ $account.name }}
{{- else if $account.create -}}{{ $own }}
{{- else -}}{{ fail (printf "%s.serviceAccount.name is needed where %s.serviceAccount.create is false" .component .component) }}
{{- end -}}
{{- end -}}

{{- /* Arguments: root, component. */ -}}
{{- define "ecg.image" -}}
{{- $images := .root.Values.images -}}
{{- $image := get $images .component -}}
{{- $path := empty $images.registry | ternary $image.repository (printf "%s/%s" (trimSuffix "/" $images.registry) $image.repository) -}}
{{- if $image.digest -}}{{ $path }}@{{ $image.digest }}
{{- else -}}{{ $path }}:{{ coalesce $image.tag $images.tag .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Name of a cluster-wide object, unique per release and namespace. Argument: root. */ -}}
{{- define "ecg.clusterName" -}}
{{ include "ecg.fullname" . }}.{{ .Release.Namespace }}
{{- end -}}

{{- /* Name of the Secret for a {value, existingSecret, key}; empty if there is none. Arguments: root, secret, name. */ -}}
{{- define "ecg.secretName" -}}
{{- if .secret.existingSecret -}}{{ .secret.existingSecret }}
{{- else if .secret.value -}}{{ include "ecg.fullname" .root }}-{{ .name }}
{{- end -}}
{{- end -}}

{{- define "ecg.modelsClaim" -}}
{{- default (printf "%s-models" (include "ecg.fullname" .)) .Values.pipeline.models.pvc.existingClaim -}}
{{- end -}}

{{- define "ecg.interactiveClass" -}}
{{- $priority := .Values.pipeline.interactivePriority -}}
{{- if $priority.existingClass -}}{{ $priority.existingClass }}
{{- else if $priority.create -}}{{ include "ecg.clusterName" . }}.interactive
{{- end -}}
{{- end -}}

{{- /* Security contexts for restricted Pod Security. */ -}}
{{- define "ecg.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "ecg.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Scheduling fields of a pod. Argument: a component's values. */ -}}
{{- define "ecg.placement" -}}
{{- $placement := dict -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- with get $ $field -}}
{{- $_ := set $placement $field . -}}
{{- end -}}
{{- end -}}
{{- with $placement -}}{{ toYaml . }}{{- end -}}
{{- end -}}
