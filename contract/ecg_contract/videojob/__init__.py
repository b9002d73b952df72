"""The VideoJob custom resource: models, names, manifests and definition."""
