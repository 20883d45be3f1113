"""Which revision gets the traffic: pure decisions of promotion and return."""
