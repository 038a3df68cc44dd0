"""Names of code that a program made at run time, from the map that it wrote for perf.

A line has the start and the size of a function in hexadecimal digits, and its name, which may have blanks. Where
functions overlap the later line holds: the program has used the memory again. Everything in the map is a stranger's, so
the size of the file, of a line and of a name, and the time are bounded; a map that is too long names nothing, because
its end is what holds.

Format: tools/perf/Documentation/jit-interface.txt of the kernel.
"""

from __future__ import annotations

import bisect
import errno
import os
from collections.abc import Collection, Iterator

from epolltop.own_process.pace import Deadline
from epolltop.symbols.elf import NAME_BYTES_MAX, SymbolOffset

PERF_MAP_BYTES_MAX = 16 << 20
"""Some 200,000 functions. Longer ones would take longer than a program gets in one poll, again and again."""
S_PER_BYTE = 20e-9
"""At most, if lines are as long as runtimes write them: 7 to 16 ns were measured. Programs write on, so that a map is
read anew in each poll: one that is begun without enough time would use up all of it, and name nothing."""
LINE_BYTES_MAX = 4096
"""Of a line that goes on in the next part of the file; the rest of a longer one is ignored."""
_PART_BYTES = 1 << 18


def made_places(file: int, positions: Collection[int], deadline: Deadline) -> dict[int, SymbolOffset]:
    """Finds the functions that contain the calls before some addresses; addresses without a function are left out.

    Args:
        file: descriptor of a regular file.
        positions: addresses in the program, each just after a call, which may be the last instruction of its function.
        deadline: checked in each loop whose length the file decides.

    Raises:
        TimeoutError: there is too little time; a map that was read in part does not determine any function.
        OSError: it is too long, or cannot be read.
    """
    calls = sorted({position - 1 for position in positions})
    size = os.fstat(file).st_size
    if not calls:
        return {}
    if size > PERF_MAP_BYTES_MAX:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    deadline.require_for(size * S_PER_BYTE)
    found: dict[int, SymbolOffset] = {}
    for line in _whole_lines(file, size, deadline):
        begin, _, rest = line.partition(b" ")
        try:
            start = int(begin, 16)
            if not 0 <= start <= calls[-1]:
                continue
            length, _, name = rest.partition(b" ")
            end = start + int(length, 16)
        except ValueError:  # no such line
            continue
        at = bisect.bisect_left(calls, start)
        while at < len(calls) and calls[at] < end:
            deadline.require()
            found[calls[at] + 1] = SymbolOffset(name[:NAME_BYTES_MAX], calls[at] + 1 - start)
            at += 1
    return found


def _whole_lines(file: int, size: int, deadline: Deadline) -> Iterator[bytes]:
    """The lines of a file; what follows the last line break is being written."""
    rest = b""
    for position in range(0, size, _PART_BYTES):
        deadline.require()
        part = os.pread(file, min(_PART_BYTES, size - position), position)
        *lines, rest = (rest[:LINE_BYTES_MAX] + part).split(b"\n")
        yield from lines
