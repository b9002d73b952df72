"""The API in a cluster: jobs are VideoJobs, which the operator works on."""
