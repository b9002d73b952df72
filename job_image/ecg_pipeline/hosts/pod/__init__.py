"""In a pod: the API server, ConfigMaps or a presigned upload."""
