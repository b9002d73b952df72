"""A single-node Kubernetes cluster on this machine, with a real kubelet."""
