"""Where the command begins: the way out is there before anything that takes time is imported."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

from epolltop.descriptors import settle
from epolltop.leaving import Leaving


def enter() -> NoReturn:
    """Runs epolltop and ends the process.

    Raises:
        ModuleNotFoundError: something that epolltop needs is not installed.
    """
    settle()
    try:
        leaving = Leaving()
        leaving.begin()
    except (OSError, RuntimeError) as error:
        sys.exit(f"epolltop: it cannot start: {error}")
    try:
        from epolltop.cli import main

        code = main(leaving=leaving)
    except ModuleNotFoundError:
        raise
    except BaseException:
        traceback.print_exc()  # an error of our own
        code = 1
    leaving.go(code)
