"""What is to be done about a VideoJob: pure functions of what was observed."""
