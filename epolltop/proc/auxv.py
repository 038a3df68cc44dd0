"""/proc/PID/auxv: the auxiliary vector of a program, which tells how wide its words are.

Format: proc_pid_auxv(5), getauxval(3).
"""

from __future__ import annotations

import struct
import sys

from epolltop.proc.reading import head

_MAY_BE_COMPAT = struct.calcsize("P") == 8


def is_compat(root: str, pid: int) -> bool:
    """Whether a process is known to run a 32-bit program on a 64-bit kernel; 10 µs to find out.

    The first two words of a 32-bit vector are a type and a value. Read as one word of 64 bits they are a large number;
    the types of 64-bit vectors are small ones. The program's file would say it too, but may be on a server that does
    not answer.
    """
    return _MAY_BE_COMPAT and int.from_bytes(head(f"{root}/{pid}/auxv", 8), sys.byteorder) >> 32 != 0
