"""Shared by all components: guarded connections, logs, settings, retries."""
