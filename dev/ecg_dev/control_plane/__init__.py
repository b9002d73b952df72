"""A Kubernetes control plane on this machine, built from source: programs, credentials, start and stop."""
