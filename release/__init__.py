"""What is handed to others, and what is said of it: releases, bills of materials, advisories.

`python -m release`; docs/release.md says what comes of it.
"""
