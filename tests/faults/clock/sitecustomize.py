"""Python imports this first where PYTHONPATH names its folder: the wall clock is FAULT_CLOCK seconds ahead, or behind.

Only for processes with a database of their own clock (PostgreSQL): SQLite's is that of the process.
"""

import datetime
import os
import time
from typing import Any

AHEAD = float(os.environ.get("FAULT_CLOCK", "0"))
_datetime, _time, _time_ns = datetime.datetime, time.time, time.time_ns


class _AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)


class _Shifted(_datetime, metaclass=_AnyDatetime):
    """`now` and its kind give the shifted time, as plain datetimes."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _datetime.now(tz) + datetime.timedelta(seconds=AHEAD)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)


if AHEAD:
    datetime.datetime = _Shifted  # type: ignore[misc]
    time.time = lambda: _time() + AHEAD
    time.time_ns = lambda: _time_ns() + int(AHEAD * 1_000_000_000)
