"""Pure functions from what is seen in the cluster to a phase, a reason and a status."""
