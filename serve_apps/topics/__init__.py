"""Documents grouped by topic, as JSON; its root is this folder, see README.md."""
