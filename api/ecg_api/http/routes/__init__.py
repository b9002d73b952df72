"""The endpoints, a module per subject."""
