"""A real Kubernetes on one machine, for laptops and for tests.

Not needed by anyone who has a cluster. `python -m cluster --help` shows the commands;
docs/cluster.md says how it is put together. Whatever it writes lies under one cache folder
(`cluster.paths.CACHE`), and the node's mounts, interfaces and firewall rules live in
namespaces of their own: the machine around it stays as it was.
"""
