"""The contract between API, operator and pipeline: pure models, no I/O."""
