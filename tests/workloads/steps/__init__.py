"""What an actor can do with epoll instances: functions that take and give what JSON has, a module for each kind.

Nothing here creates an instance but the steps that say so, see actor.py.
"""

from __future__ import annotations

import time
from typing import Any

Reply = dict[str, Any]


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
