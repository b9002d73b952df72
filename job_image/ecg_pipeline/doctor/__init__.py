"""Checks of an installation: `ecg doctor` and the self-test of an image."""
