"""What the API server would say of a ModelDeployment, said without one, from the same CRD.

`bastaix check` alone uses it: the operator leaves validation to the API server.
"""
