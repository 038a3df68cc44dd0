"""The probes as data, one module each. Hooks, options, compilation, the header and the pages follow from `PROBES`."""

from __future__ import annotations

import importlib
import pkgutil

from epolltop.sources.bpf.probes import epoll_create
from epolltop.sources.bpf.probes.spec import ProbeSpec

_OTHERS = [each.name for each in pkgutil.iter_modules(__path__) if each.name not in ("spec", epoll_create.PROBE.name)]

PROBES: tuple[ProbeSpec, ...] = (
    epoll_create.PROBE,
    *(importlib.import_module(f"{__name__}.{name}").PROBE for name in _OTHERS),
)
"""In the order in which they are attached: the first one calibrates for the others."""
