"""What ends work though nothing is wrong with the source: the node's hand, or an error of ours.

Both are tried again. For the processes that do the work as for those who start them; what an
archive takes beyond its limits is no mishap, but its own doing.
"""

import errno
import os
import signal
from typing import Final

from bastaix.api import reasons
from bastaix.source.failure import SourceFailure

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.EAGAIN})
"""No disk, memory, files or processes left to work with."""

FROM_OUTSIDE: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGALRM})
"""A process' own limits end it otherwise; so does the kernel when the node's memory is used up."""

TOO_MUCH: Final = 3
"""The status of a process that needs more than its limits. Python's own, of an error, is 1."""


def interrupted(message: str) -> SourceFailure:
    return SourceFailure(reasons.SOURCE_INTERRUPTED, message)


def no_room(error: OSError) -> SourceFailure:
    return interrupted(f"there is no room to work: {os.strerror(error.errno or 0)}")


def own_error(message: str) -> SourceFailure:
    return SourceFailure(reasons.INTERNAL_ERROR, message)
