"""A ModelDeployment without Kubernetes: `bastaix reprex` and `bastaix run`."""
