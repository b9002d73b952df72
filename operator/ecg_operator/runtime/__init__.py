"""What the operator runs on: its Lease, work queue, probes and metrics."""
