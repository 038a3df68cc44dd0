"""A machine that has nothing in the cache, and from which no mirror of Debian is to be reached."""

from __future__ import annotations

import os
from pathlib import Path


def offline(folder: Path) -> dict[str, str]:
    """The environment of commands there; the folder is for their files."""
    configuration = folder / "apt.conf"
    configuration.write_text('Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null";', encoding="utf-8")
    return os.environ | {"APT_CONFIG": str(configuration), "XDG_CACHE_HOME": str(folder / "cache")}
