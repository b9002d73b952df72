"""The operator's Lease, work queue, probes and metrics."""
