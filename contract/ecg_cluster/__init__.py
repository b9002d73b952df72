"""Clients of the Kubernetes API server and of S3 for the front door, the operator and the pipeline's pod."""
