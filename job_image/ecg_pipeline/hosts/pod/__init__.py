"""Reports to the API server; results in ConfigMaps or by a presigned upload."""
