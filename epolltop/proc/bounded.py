"""Files of /proc whose length a stranger decides, read within bounds of size and time."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from epolltop.runtime.pace import Deadline

_READ = 1 << 16


def whole_lines(path: str, limit: int, deadline: Deadline) -> Iterator[bytes]:
    """The lines of a file, some at a time.

    Args:
        path: of the file.
        limit: of its size in bytes.
        deadline: asked before each read.

    Raises:
        TimeoutError: it would take longer.
        OSError: the process is gone or closed to us, or the file has more than the limit.
    """
    left, begun = limit, b""
    with open(path, "rb", buffering=0) as file:
        while part := file.read(_READ):
            deadline.require()
            left -= len(part)
            if left < 0:
                raise OSError(errno.EFBIG, path)
            lines, line_break, rest = part.rpartition(b"\n")
            if line_break:
                yield begun + lines + line_break
                begun = rest
            else:
                begun += part
