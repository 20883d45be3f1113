"""Pure functions from a ModelDeployment to manifests. No client, no clock, no randomness."""
