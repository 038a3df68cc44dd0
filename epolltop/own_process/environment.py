"""Hides the environment from native code: libbcc's compiler, the C library, and whatever they load.

Root may start epolltop in a stranger's directory, with any variables set. CPATH, TMPDIR, ARCH and BCC_KERNEL_SOURCE
decide what libbcc compiles and how, and HOME where it looks for settings.
"""

from __future__ import annotations

import os

_KEPT = ("TZ", "LANG", "LANGUAGE", "LC_")
"""Prefixes of the variables that stay: they say how people read times and text."""


def hide_environment() -> None:
    """Hides the environment from native code, for good. `os.environ` stays for our own use."""
    for name in os.environ:
        if not name.startswith(_KEPT):
            os.unsetenv(name)
