"""How a step of the reconciliation says that it cannot go on. Any other exception is a bug."""

from bastaix.api.reasons import Finding, Reason


class Hindrance(Exception):
    """A step cannot go on, and it is known why."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message

    @property
    def finding(self) -> Finding:
        return Finding(self.reason, self.message)


class Waiting(Hindrance):
    """Something outside must happen first; look again after so many seconds."""

    def __init__(self, reason: Reason, message: str, after: float) -> None:
        super().__init__(reason, message)
        self.after = after


class Stalled(Hindrance):
    """Trying again changes nothing until the user does."""
