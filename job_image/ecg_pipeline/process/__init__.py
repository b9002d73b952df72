"""The pipeline process around the analysis: its jobs, signals and logs."""
