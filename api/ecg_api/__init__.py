"""The HTTP API, with the standalone host or before a cluster."""
