"""Every rung of every ladder by force, and what each of them sees.

A rung stands for the best that some kernel allows. One that the running kernel refuses says what the kernel answered.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from epolltop.sources import SourceUnavailable, openfiles
from epolltop.sources.bpf import ladder
from epolltop.sources.bpf.census import CensusTaker, IteratorCensus, ScanCensus
from epolltop.sources.bpf.program import AttachError, Program
from epolltop.sources.bpf.source import Ladders
from tests.kernel.observing import Observing, observe, observe_by_proc


@dataclass(frozen=True)
class Sight:
    """What a rung sees; the rest it misses, and must say so."""

    creations: bool = True
    """When they happen. Otherwise instances are found."""
    compat: bool = True
    """Those of 32-bit calls, too."""
    refused: bool = True
    """A call that a seccomp filter refuses, too."""
    releases: bool = True
    """When they happen. Otherwise instances are gone, some of them unnoticed."""
    tables: bool = True
    """Descriptor tables of threads that left their process', or that have outlived their leader."""
    addresses: bool = True
    """The census names instances as events do. Otherwise by the places in which it saw them."""
    identities: bool = True
    """An instance is known again from one census to the next, as far as places tell. Otherwise that is a guess."""
    blind_spot: str = ""
    """Part of a sentence that it says about itself."""


@dataclass(frozen=True)
class Rung:
    """One way to observe."""

    ladders: Ladders | None
    """None: /proc alone."""
    sight: Sight
    spared: frozenset[str] = frozenset()
    """Moves of which it tells what is wrong; tests/rungs/test_defects.py has each of them."""


class Refused(Exception):
    """The running kernel does not have it; the message is what the kernel answered."""


def _iterating(program: Program, *, include_self: bool) -> CensusTaker:
    assert not include_self
    return IteratorCensus(program)


def _scanning(_program: Program, *, include_self: bool) -> CensusTaker:
    return ScanCensus(include_self=include_self)


def _ladders(creation: int, release: int | None, census: Callable[..., CensusTaker]) -> Ladders:
    releases = () if release is None else ladder.FILES_FREE[release : release + 1]
    return Ladders(ladder.EPOLL_CREATE[creation : creation + 1], releases, census)


_FUNCTIONS = Sight(refused=False)
_TRACEPOINT = Sight(compat=False, blind_spot="32-bit tasks show as found, uncounted")
_DERIVED = Sight(compat=False, releases=False, blind_spot="no probe sees releases here")


_PROC = Sight(False, False, False, False, False, False, True, "are not seen, so rates are lower bounds")


def _by_scan(sight: Sight) -> Sight:
    return dataclasses.replace(sight, tables=False, addresses=False, identities=sight.releases)


RUNGS = {
    "fentry": Rung(_ladders(0, 0, _iterating), _FUNCTIONS),
    "kprobe": Rung(_ladders(1, 1, _iterating), _FUNCTIONS),
    "slab": Rung(_ladders(2, 2, _iterating), _TRACEPOINT),
    "derived": Rung(_ladders(2, None, _iterating), _DERIVED, frozenset({"create_compat"})),
    "scan-fentry": Rung(_ladders(0, 0, _scanning), _by_scan(_FUNCTIONS)),
    "scan-kprobe": Rung(_ladders(1, 1, _scanning), _by_scan(_FUNCTIONS)),
    "scan-slab": Rung(_ladders(2, 2, _scanning), _by_scan(_TRACEPOINT)),
    "scan-derived": Rung(_ladders(2, None, _scanning), _by_scan(_DERIVED)),
    "proc": Rung(None, _PROC),
}
"""By name, as test ids and `make test-vm` have them."""


@contextmanager
def opened(rung: Rung) -> Iterator[Observing]:
    """An observation through this rung and no other.

    Raises:
        Refused: the kernel does not have one of its hooks.
    """
    with pytest.MonkeyPatch.context() as patch:
        # Where others hold very many instances, a scan would check what it knows in several turns.
        patch.setattr(openfiles, "_CHECKS", math.inf)
        with _observed(rung) as observing:
            refusals = observing.refusals() if rung.ladders else ()
            if rung.sight.releases and refusals:
                raise Refused(" ".join("; ".join(refusals).split()))
            yield observing


@contextmanager
def _observed(rung: Rung) -> Iterator[Observing]:
    with contextlib.ExitStack() as stack:
        try:
            observing = stack.enter_context(observe(rung.ladders) if rung.ladders else observe_by_proc())
        except (SourceUnavailable, AttachError) as error:
            raise Refused(" ".join(str(error).split())) from error
        yield observing
