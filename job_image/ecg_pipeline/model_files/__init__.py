"""The commands that bring the configured models into the cache, list and verify them."""
