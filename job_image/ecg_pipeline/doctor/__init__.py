"""Checks of an installation, for `ecg doctor` and an image's self-test."""
