"""The process around the analysis: jobs in, reports out, signals, logs."""
