"""How a step says that a source cannot be verified. Any other exception is a bug."""

from bastaix.api.errors import Hindrance
from bastaix.api.reasons import Reason


class SourceFailure(Hindrance):
    """The message is one line for a status: never a credential, never what a host has said.

    But for the host that a redirect leads to, which `hops` has checked, as without it nobody
    could allow it.
    """

    def __init__(self, reason: Reason, message: str, *, after: float | None = None) -> None:
        super().__init__(reason, message)
        self.after = after
        """Seconds that the host wants to be left alone, where it said so."""
