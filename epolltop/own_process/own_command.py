"""How epolltop was started."""

from __future__ import annotations

import os
import sys


def own_command() -> str:
    """The path of this very program: sudo does not look into virtual environments."""
    beside = os.path.join(os.path.dirname(sys.executable), "epolltop")  # where installers put it
    started = sys.argv[0] if os.path.basename(sys.argv[0]) == "epolltop" else beside
    try:
        return os.path.abspath(started)
    except OSError:  # the working directory was removed
        return beside
