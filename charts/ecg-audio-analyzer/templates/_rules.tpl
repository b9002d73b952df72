{{- /* RBAC rules of each component, all in the release's namespace: no ClusterRole, no wildcard, no exec into pods.
tests/cluster/test_roles.py checks what they allow and what they refuse. */ -}}

{{- define "ecg.apiRules" -}}
- apiGroups: [ecg-analyzer.io]
  resources: [videojobs]
  verbs: [get, list, watch, create, patch, delete]
# Sources with a credential in their URL; they go with their VideoJob. Which Secrets: the admission policies say. No
# patch: its answer holds what was there before.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create, update]
# Results without a bucket.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end -}}

{{- define "ecg.operatorRules" -}}
- apiGroups: [ecg-analyzer.io]
  resources: [videojobs]
  verbs: [get, list, watch, delete]
- apiGroups: [ecg-analyzer.io]
  resources: [videojobs/status]
  verbs: [update, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
{{- if include "ecg.standby" . }}
# A standby pod and its Job are given to a VideoJob. Which, and what may change: the admission policies say.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
# A source with a credential is copied for the standby pod. Who may create Jobs can have a pod read any Secret anyway.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
# The pods' signed upload URLs; sources are deleted when their job has succeeded.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create, update, delete]
# Results without a bucket, and what earlier attempts left of them.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch, create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "ecg.leaseName" . }}]
  verbs: [get, update]
{{- end -}}

{{- define "ecg.pipelineRules" -}}
# Which VideoJob, which fields, and which ConfigMaps: the admission policies say.
- apiGroups: [ecg-analyzer.io]
  resources: [videojobs/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
{{- end -}}
