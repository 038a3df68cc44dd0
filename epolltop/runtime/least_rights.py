"""The least rights that each part of epolltop can do its work with. What is given up does not come back.

The thread that observes keeps what its source says (`needs`). The thread that draws and makes files needs no more than
the invoker has. A replay needs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from epolltop.runtime.invoker import become_invoker, take_rights
from epolltop.runtime.privileges import Capability, effective, keep_only

_FILES = frozenset((Capability.DAC_OVERRIDE,))
"""Root, if nobody called sudo, makes files also in others' directories."""
_PROGRAM = frozenset((Capability.DAC_READ_SEARCH,))
"""To read the program's own modules and pages where only somebody else may: root's below a home directory, root's own
for a user. Files are made without it."""


def front_end() -> None:
    """For the thread that draws, writes and makes files, and those that it starts. Others must be running by now."""
    for_another = take_rights() or os.geteuid() != 0
    keep_only(_to_read_the_program() if for_another else _FILES)


def replay() -> None:
    """For the whole process, before it has other threads of work and reads the first byte of what somebody recorded."""
    become_invoker()
    keep_only(_to_read_the_program())


def _to_read_the_program() -> Collection[Capability]:
    try:
        with effective(()), open(__file__, "rb"):
            return ()
    except OSError:
        return _PROGRAM
