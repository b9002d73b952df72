"""The specification's requests, answers, callbacks and results."""
