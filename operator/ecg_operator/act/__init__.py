"""Carrying decisions out: status writes, Jobs, Secrets, Events, the record of callbacks."""
