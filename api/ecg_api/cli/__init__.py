"""The commands of `ecg`, a module each with a `run(arguments) -> exit status`."""
