"""The standalone host: jobs in SQLite, the pipeline in a child process."""
