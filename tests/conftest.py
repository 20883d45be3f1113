"""For all tests: a shared machine is no reason for a property to fail."""

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
