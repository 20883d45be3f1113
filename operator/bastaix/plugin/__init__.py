"""`kubectl bastaix`: what a user sees of revisions, and how a user asks for something.

It reads and writes as its user, through the API server alone: what it says stands in status,
records and Events, and what it asks for is the one annotation that `api.rollout` reads.
"""
