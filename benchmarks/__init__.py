"""Measurements that stay in the repository: `python -m benchmarks.NAME` runs one."""
