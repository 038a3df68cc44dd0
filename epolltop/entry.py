"""Where the command begins: the way out is there before anything that takes time is imported."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn

from epolltop.own_process.descriptors import settle
from epolltop.own_process.leaving import Leaving


def enter() -> NoReturn:
    """Runs epolltop and ends the process.

    Raises:
        ModuleNotFoundError: something that epolltop needs is not installed.
    """
    try:
        settle()
        leaving = Leaving()
        leaving.begin()
    except (OSError, RuntimeError) as error:
        sys.exit(f"epolltop: it cannot start: {error}")
    try:
        from epolltop.cli import main

        code = main(leaving=leaving)
    except ModuleNotFoundError:
        raise
    except MemoryError:
        with contextlib.suppress(OSError):
            os.write(2, b"epolltop: there is not enough memory\n")
        code = 1
    except BaseException:
        traceback.print_exc()  # an error of our own
        code = 1
    leaving.go(code)
