"""The cluster as the front door and the operator reach it: the API server by `kubernetes`, results in S3 by boto3."""
