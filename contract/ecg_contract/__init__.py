"""What all sides of the ECG Audio Analyzer agree on: wire models, stages, errors, callbacks."""
