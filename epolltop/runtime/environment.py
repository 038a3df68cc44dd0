"""Keeps the environment from native code: libbcc's compiler, the C library, whatever they load.

Root starts epolltop in strangers' directories and with whatever its shell has collected. CPATH, TMPDIR, ARCH and
BCC_KERNEL_SOURCE decide what libbcc compiles and how, HOME where it looks for settings.
"""

from __future__ import annotations

import os

_KEPT = ("TZ", "LANG", "LANGUAGE", "LC_")
"""Beginnings of the names that stay: they say how people read times and text."""


def hide_environment() -> None:
    """Takes the environment from native code, for good. `os.environ` stays as it is for our own."""
    for name in os.environ:
        if not name.startswith(_KEPT):
            os.unsetenv(name)
