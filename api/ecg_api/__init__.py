"""The FastAPI front door and the standalone host."""
