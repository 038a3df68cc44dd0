"""Several workers in one run (`pytest -n 2`, pytest-xdist): which takes which tests, as a plugin of pytest.

Files with a test that must be alone come first, and all in one worker: in several they would wait for each other. The
others begin with files that need no turn on the machine. A file is not divided: what its tests share is set up once.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from .shared_machine import ALONE, BESIDE, wanted

_MARKED = "pytest.mark.alone"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files in that order, in a run without workers, too."""
    turns: defaultdict[Path, set[int | None]] = defaultdict(set)
    for item in items:
        turns[item.path].add(wanted(item))
    items.sort(key=lambda item: _place(turns[item.path]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out files, those with a test that must be alone as one."""
    from xdist.scheduler import LoadFileScheduling  # guests and other userlands are without

    class Turns(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return _MARKED if _MARKED in (config.rootpath / file).read_text(encoding="utf-8") else file

    config.option.loadscopereorder = False  # not the longest first: see above
    return Turns(config, log)


def _place(hows: set[int | None]) -> int:
    return 0 if ALONE in hows else 2 if BESIDE in hows else 1
