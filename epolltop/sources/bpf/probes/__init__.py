"""The probes as data, one module each. Hooks, options, compilation, the header and the pages follow from `PROBES`."""

from __future__ import annotations

from epolltop.sources.bpf.probes import epoll_create, files_free
from epolltop.sources.bpf.probes.spec import ProbeSpec

PROBES: tuple[ProbeSpec, ...] = (epoll_create.PROBE, files_free.PROBE)
"""In the order in which they are attached: the first one calibrates for the others."""
