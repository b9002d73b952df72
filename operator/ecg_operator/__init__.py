"""The operator: turns VideoJobs into Jobs, follows their pods, and sends the callbacks."""
