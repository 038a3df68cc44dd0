"""The errno behind what libbcc prints."""

from __future__ import annotations

import errno
import os


def number_in(printed: str) -> int:
    """The errno that libbcc printed; 0 if none that has a remedy.

    While it makes maps and loads programs libbcc prints the text of strerror(3), and keeps no number. The text is
    English: neither libbcc nor Python sets LC_MESSAGES.
    """
    return next((number for number in (errno.EPERM, errno.EMFILE) if os.strerror(number) in printed), 0)
