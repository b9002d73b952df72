// Modules of which the chart's tests take custom resource definitions; nothing is built from them.
module ecg-audio-analyzer/tests/control-plane/definitions

go 1.26.0

require (
	github.com/external-secrets/external-secrets v0.19.2
	github.com/prometheus-operator/prometheus-operator v0.83.0
	sigs.k8s.io/gateway-api v1.2.1
)
