"""What runs inside Ray: one folder an app, each complete on its own.

A folder is pushed as a repository and becomes the app's root, so its modules import each other by
their bare names (`from arguments import …`) and never a neighbour folder's. The `__init__.py`
files exist for the checks of this repository (import rules, types, tests); Ray does not read them.
"""
