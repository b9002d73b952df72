"""Development tools: a Kubernetes control plane built from source, a single-node cluster, the container images."""
