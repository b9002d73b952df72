{{- /* POD_CONFIG_FILE: the fields of pipeline pods that the operator does not set itself
(ecg_operator.act.pod_config.PodConfig). */ -}}
{{- define "ecg.podConfig" -}}
{{- $pipeline := .Values.pipeline -}}
{{- $models := $pipeline.models -}}
{{- $volumes := $pipeline.volumes -}}
{{- $mounts := $pipeline.volumeMounts -}}
{{- if ne $models.source "image" -}}
{{- $volume := dict "name" "models" "emptyDir" (dict "sizeLimit" $models.sizeLimit) -}}
{{- if eq $models.source "pvc" -}}
{{- $volume = dict "name" "models" "persistentVolumeClaim" (dict "claimName" (include "ecg.modelsClaim" .) "readOnly" true) -}}
{{- end -}}
{{- $volumes = prepend $volumes $volume -}}
{{- $mount := dict "name" "models" "mountPath" "/models" -}}
{{- if eq $models.source "pvc" -}}
{{- $_ := set $mount "readOnly" true -}}
{{- end -}}
{{- $mounts = prepend $mounts $mount -}}
{{- end -}}
{{- $config := dict
  "gpu" (include "ecg.podProfile" $pipeline.gpu | fromJson)
  "cpu" (include "ecg.podProfile" $pipeline.cpu | fromJson)
  "env" (include "ecg.pipelineEnv" . | fromJsonArray)
  "envFrom" $pipeline.envFrom
  "workSizeLimit" $pipeline.workSizeLimit
  "tmpSizeLimit" $pipeline.tmpSizeLimit
  "volumes" $volumes
  "volumeMounts" $mounts
  "annotations" $pipeline.podAnnotations
  "labels" (merge (include "ecg.pipelineLabels" . | fromYaml) (deepCopy $pipeline.podLabels))
  "jobLabels" .Values.jobs.labels
  "jobAnnotations" .Values.jobs.annotations
  "imagePullSecrets" .Values.images.pullSecrets
-}}
{{- with include "ecg.interactiveClass" . -}}
{{- $_ := set $config "interactivePriorityClassName" . -}}
{{- end -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{- /* Not empty where pods stand by. */ -}}
{{- define "ecg.standby" -}}
{{- if or (gt (int .Values.standby.gpu) 0) (gt (int .Values.standby.cpu) 0) -}}true{{- end -}}
{{- end -}}

{{- define "ecg.pipelineLabels" -}}
{{ include "ecg.selector" . }}
app.kubernetes.io/component: pipeline
{{- end -}}

{{- define "ecg.podProfile" -}}
{{- $profile := dict -}}
{{- range $field := list "resources" "nodeSelector" "tolerations" "affinity" "runtimeClassName" "priorityClassName" -}}
{{- with get $ $field -}}
{{- $_ := set $profile $field . -}}
{{- end -}}
{{- end -}}
{{- toJson $profile -}}
{{- end -}}
