"""What the API does with a job, whichever store it is in."""
