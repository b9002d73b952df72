"""The standalone host's jobs in SQLite, and their files."""
