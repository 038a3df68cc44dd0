"""The least rights with which each part of epolltop can work. Rights that are given up do not come back.

The thread that observes keeps what its source names (`needs`). The thread that draws and makes files needs no more than
the invoker has. A replay needs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from epolltop.own_process.invoker import become_invoker, take_rights
from epolltop.own_process.privileges import Capability, effective, keep_only

_FILES = frozenset((Capability.DAC_OVERRIDE,))
"""If root itself started us, files may be made in others' directories."""
_PROGRAM = frozenset((Capability.DAC_READ_SEARCH,))
"""To read the program's own modules and pages if only somebody else may, as in another user's home directory. Files are
made without it."""


def front_end() -> None:
    """For the thread that draws, writes and makes files, and those it starts. All others must be running already."""
    for_another = take_rights() or os.geteuid() != 0
    keep_only(_to_read_the_program() if for_another else _FILES)


def observer(needs: Collection[Capability]) -> None:
    """For the thread that observes, once its source is open, and those it starts.

    Args:
        needs: of that source.
    """
    keep_only(needs)


def replay() -> None:
    """For the whole process, before it starts other threads and reads the first byte of a recording."""
    become_invoker()
    keep_only(_to_read_the_program())


def _to_read_the_program() -> Collection[Capability]:
    try:
        with effective(()), open(__file__, "rb"):
            return ()
    except OSError:
        return _PROGRAM
