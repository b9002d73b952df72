"""Tools for this machine: a control plane from source, a single-node cluster, and the images."""
