{{- /* Environment. Each component's variables are a mapping from name to a string or {valueFrom: ...}, the user's put
over the chart's, so that no name stands there twice; lists are made of it at the end. Empty strings are left out:
the settings' own defaults hold then. */ -}}

{{- /* A JSON list of EnvVars, sorted by name. Arguments: chart (a mapping), user (a mapping). */ -}}
{{- define "ecg.envList" -}}
{{- $list := list -}}
{{- $merged := dict -}}
{{- range $variables := list .chart .user -}}
{{- range $name, $value := $variables -}}
{{- $_ := set $merged $name $value -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $merged -}}
{{- if kindIs "map" $value -}}
{{- $list = append $list (dict "name" $name "valueFrom" $value.valueFrom) -}}
{{- else if ne (toString $value) "" -}}
{{- $list = append $list (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- end -}}
{{- toJson $list -}}
{{- end -}}

{{- /* The variable for a {value, existingSecret, key}; {} if there is no Secret. Arguments: root, secret, name. */ -}}
{{- define "ecg.fromSecret" -}}
{{- $name := include "ecg.secretName" . -}}
{{- if $name -}}
{{- toJson (dict "valueFrom" (dict "secretKeyRef" (dict "name" $name "key" .secret.key))) -}}
{{- else -}}""{{- end -}}
{{- end -}}

{{- /* Variables that the API and the operator share. Argument: root. */ -}}
{{- define "ecg.sharedEnv" -}}
{{- $values := .Values -}}
{{- toJson (dict
  "NAMESPACE" (dict "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
  "BACKEND_URL" $values.backend.url
  "CALLBACK_ALLOW" (join "," $values.callbacks.allow)
  "CALLBACK_STRICT" (toString $values.callbacks.strict)
  "RESULTS_BUCKET" $values.s3.bucket
  "RESULTS_PREFIX" $values.s3.prefix
  "AWS_DEFAULT_REGION" $values.s3.region
  "AWS_ENDPOINT_URL_S3" $values.s3.endpoint
) -}}
{{- end -}}

{{- define "ecg.apiEnv" -}}
{{- $own := dict
  "STORE" "kubernetes"
  "HOST" "0.0.0.0"
  "PORT" "8001"
  "METRICS_PORT" "9090"
  "LOG_LEVEL" .Values.api.logLevel
  "QUEUE_LIMIT" (int64 .Values.jobs.queueLength | toString)
  "SHUTDOWN_DELAY_S" "5"
  "SHUTDOWN_GRACE_S" (sub (int64 .Values.api.terminationGracePeriodSeconds) 15 | toString)
-}}
{{- if not (kindIs "invalid" .Values.api.corsOrigins) -}}
{{- $_ := set $own "CORS_ORIGINS" (join "," .Values.api.corsOrigins) -}}
{{- end -}}
{{- if .Values.api.keysSecret -}}
{{- $_ := set $own "API_KEYS_FILE" "/etc/ecg/keys/keys" -}}
{{- end -}}
{{- include "ecg.envList" (dict "chart" (merge $own (include "ecg.sharedEnv" . | fromJson)) "user" .Values.api.env) -}}
{{- end -}}

{{- define "ecg.operatorEnv" -}}
{{- $jobs := .Values.jobs -}}
{{- $secret := include "ecg.fromSecret" (dict "root" . "secret" .Values.callbacks.secret "name" "callback") -}}
{{- $own := dict
  "PIPELINE_IMAGE" (include "ecg.image" (dict "root" . "component" "pipeline"))
  "PIPELINE_IMAGE_PULL_POLICY" .Values.images.pullPolicy
  "PIPELINE_SERVICE_ACCOUNT" (include "ecg.serviceAccount" (dict "root" . "component" "pipeline"))
  "POD_CONFIG_FILE" "/etc/ecg/pods/pods.json"
  "GPU_ENABLED" (toString .Values.pipeline.gpu.enabled)
  "CPU_FALLBACK" (toString .Values.pipeline.cpuFallback)
  "CALLBACK_SECRET" (index (printf "[%s]" $secret | fromJsonArray) 0)
  "JOB_DEADLINE_S" (int64 $jobs.deadlineSeconds | toString)
  "MAX_ACTIVE_JOBS" (int64 $jobs.maxActive | toString)
  "QUEUE_LIMIT_SECONDS" (kindIs "invalid" $jobs.queueLimitSeconds | ternary "" (int64 $jobs.queueLimitSeconds | toString))
  "STANDBY_GPU" (int64 .Values.standby.gpu | toString)
  "STANDBY_CPU" (int64 .Values.standby.cpu | toString)
  "STANDBY_IDLE_S" (kindIs "invalid" .Values.standby.idleSeconds | ternary "" (int64 .Values.standby.idleSeconds | toString))
  "STANDBY_OWNER" (printf "%s-pods" (include "ecg.fullname" .))
  "STUCK_LIMIT_S" (int64 $jobs.stuckLimitSeconds | toString)
  "HEARTBEAT_LOST_S" (int64 $jobs.heartbeatLostSeconds | toString)
  "JOB_TTL_S" (int64 $jobs.ttlSeconds | toString)
  "LEASE_NAME" (include "ecg.leaseName" .)
  "POD_UID" (dict "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.uid")))
  "HEALTH_PORT" "8080"
  "METRICS_PORT" "9090"
  "LOG_LEVEL" .Values.operator.logLevel
-}}
{{- include "ecg.envList" (dict "chart" (merge $own (include "ecg.sharedEnv" . | fromJson)) "user" .Values.operator.env) -}}
{{- end -}}

{{- define "ecg.leaseName" -}}
{{ include "ecg.fullname" . }}-operator
{{- end -}}

{{- /* The pipeline's variables, except those that the operator sets on every pod. Where the models lie on a volume or in
the image, a job's pod asks no hub and has no token. */ -}}
{{- define "ecg.pipelineEnv" -}}
{{- $models := .Values.pipeline.models -}}
{{- $own := include "ecg.pipelineOwnEnv" . | fromJson -}}
{{- if eq $models.source "download" -}}
{{- $_ := set $own "HF_TOKEN" (include "ecg.huggingfaceToken" . | fromJsonArray | first) -}}
{{- else -}}
{{- $_ := set $own "HF_HUB_OFFLINE" "1" -}}
{{- end -}}
{{- if eq $models.source "pvc" -}}
{{- /* whisperX makes the folder, also where it downloads nothing. */ -}}
{{- $_ := set $own "TORCH_HOME" "/tmp/torch" -}}
{{- end -}}
{{- if and (eq $models.source "pvc") $models.pull.enabled -}}
{{- $_ := set $own "MODELS_WAIT_S" (int64 $models.pull.waitSeconds | toString) -}}
{{- end -}}
{{- include "ecg.envList" (dict "chart" $own "user" .Values.pipeline.env) -}}
{{- end -}}

{{- /* Those of the Job that downloads the models. */ -}}
{{- define "ecg.pullEnv" -}}
{{- $own := include "ecg.pipelineOwnEnv" . | fromJson -}}
{{- $_ := set $own "HF_TOKEN" (include "ecg.huggingfaceToken" . | fromJsonArray | first) -}}
{{- include "ecg.envList" (dict "chart" $own "user" .Values.pipeline.env) -}}
{{- end -}}

{{- define "ecg.huggingfaceToken" -}}
[{{ include "ecg.fromSecret" (dict "root" . "secret" .Values.huggingface.token "name" "huggingface") }}]
{{- end -}}

{{- define "ecg.pipelineOwnEnv" -}}
{{- toJson (dict
  "FETCH_ALLOW" (join "," .Values.sources.allow)
  "S3_BUCKETS" (join "," .Values.sources.buckets)
  "S3_ENDPOINT_URL" .Values.s3.endpoint
  "RESULTS_BUCKET" .Values.s3.bucket
  "AWS_DEFAULT_REGION" .Values.s3.region
  "LOG_LEVEL" .Values.pipeline.logLevel
  "WARM_LANGUAGES" (join "," .Values.standby.languages)
  "HOME" "/tmp"
  "HF_HOME" "/models/huggingface"
  "TORCH_HOME" "/models/torch"
  "NUMBA_CACHE_DIR" "/tmp/numba"
) -}}
{{- end -}}
