"""A fake of a clock that is wrong: with this folder in PYTHONPATH, Python begins with it.

The process's own clock is SKEW_SECONDS ahead of the machine's; what runs monotonically is not.
"""

import datetime
import os
import time

SKEW = float(os.environ["SKEW_SECONDS"])
real_time = time.time


class SkewedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "SkewedDatetime":
        return super().now(tz) + datetime.timedelta(seconds=SKEW)

    @classmethod
    def utcnow(cls) -> "SkewedDatetime":
        return super().utcnow() + datetime.timedelta(seconds=SKEW)


time.time = lambda: real_time() + SKEW
datetime.datetime = SkewedDatetime  # type: ignore[misc]
