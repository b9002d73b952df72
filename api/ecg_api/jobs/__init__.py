"""What the front door does with a job, whichever host keeps it."""
