"""The three container images: built with buildah or Docker, loaded into the cluster of this machine or into kind."""
