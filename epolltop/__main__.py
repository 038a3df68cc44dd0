"""`python -m epolltop`, for development.

The interpreter imports from the working directory before this runs. The command (scripts/epolltop) prevents that.
"""

import os
import sys


def _is_here(path: str) -> bool:
    """Whether it is the working directory, which -m and an empty part of PYTHONPATH put among the places of imports."""
    try:
        return os.path.samestat(os.stat(path or os.curdir), os.stat(os.curdir))
    except OSError:
        return False


sys.path[:] = [path for path in sys.path if not _is_here(path)]

from epolltop.entry import enter  # noqa: E402  not before

enter()
