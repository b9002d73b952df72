"""The analysis pipeline: one process, the same in a pod and behind the standalone host."""
