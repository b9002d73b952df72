"""What the operator knows of the cluster: watches, their cache, and the objects in it as small records."""
