class OutdatedError(Exception):
    """What the plan was made of has changed since: reconcile again."""
