"""No test leaves a descriptor or a thread behind, as a plugin of pytest: those of a long run would add up.

What fixtures of more than one test hold is there before each of these, and does not count.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.waiting import eventually

_ENDING_S = 5.0
"""A thread that is about to end has ended by then, and has closed what it had open."""

_SHOWN_MAX = 10
_UNENDING = {"user-names"}
"""Threads that are meant to end with the process: what they ask may never answer."""
_SHARED = {"anon_inode:bpf_iter"}
"""Of a census that is not over: sources that several tests share go on with it in the next one."""


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    descriptors, threads = _descriptors(), set(threading.enumerate())
    yield

    def nothing() -> bool:
        now, begun = _descriptors(), {one.name for one in set(threading.enumerate()) - threads} - _UNENDING
        more = now.total() > descriptors.total()  # else what others share was made anew
        left = sorted({*(now - descriptors if more else ()), *begun})
        assert not left, f"the test leaves {len(left)} behind, as {', '.join(left[:_SHOWN_MAX])}"
        return True

    eventually(nothing, _ENDING_S)


def _descriptors() -> Counter[str]:
    """By what they refer to."""
    found: Counter[str] = Counter()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the directory's own is closed by now
            found[os.readlink(f"/proc/self/fd/{fd}")] += 1
    return Counter({name: count for name, count in found.items() if name not in _SHARED})
