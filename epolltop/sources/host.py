"""The machine we run on."""

from __future__ import annotations

import functools
import os

from epolltop.model.source import Host
from epolltop.text.safe import safe


@functools.cache
def own_host() -> Host:
    """Names as uname(2) gives them, made safe: the host name is root's to choose, also a container's root."""
    uname = os.uname()
    return Host(*(safe(os.fsencode(part)) for part in (uname.nodename, uname.release, uname.machine)))
