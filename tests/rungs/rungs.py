"""Every rung of every ladder by force, and what each of them sees.

A rung stands for the best that some kernel allows. One that the running kernel refuses says what the kernel answered.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from epolltop.sources import SourceUnavailable, openfiles
from epolltop.sources.bpf.ladder import ALL, Ladders
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
    compat: bool = False
    """With the probe on the end of every system call, for 32-bit tasks."""
    spared: frozenset[str] = frozenset()
    """Moves of which it cannot tell the outcome: what is created unseen, at an address that was used since the last
    census, is taken for what was created there."""


class Refused(Exception):
    """The running kernel does not have it; the message is what the kernel answered."""


def _ladders(epoll_create: str, files_free: str, census: str) -> Ladders:
    return ALL.only("epoll_create", epoll_create).only("files_free", files_free).only("census", census)


_FUNCTIONS = Sight(refused=False)
_TRACEPOINT = Sight(compat=False)
_DERIVED = Sight(compat=False, releases=False, blind_spot="no probe sees releases here")


_PROC = Sight(False, False, False, False, False, False, True, "are not seen, so rates are lower bounds")


def _by_scan(sight: Sight) -> Sight:
    return dataclasses.replace(sight, tables=False, addresses=False, identities=sight.releases)


RUNGS = {
    "fentry": Rung(_ladders("fexit", "fentry", "iterator"), _FUNCTIONS),
    "kprobe": Rung(_ladders("kretprobe", "kprobe", "iterator"), _FUNCTIONS),
    "slab": Rung(_ladders("tracepoint", "raw_tracepoint", "iterator"), _TRACEPOINT),
    "derived": Rung(_ladders("tracepoint", "census", "iterator"), _DERIVED, spared=frozenset({"create_compat"})),
    "scan-fentry": Rung(_ladders("fexit", "fentry", "proc"), _by_scan(_FUNCTIONS)),
    "scan-kprobe": Rung(_ladders("kretprobe", "kprobe", "proc"), _by_scan(_FUNCTIONS)),
    "scan-slab": Rung(_ladders("tracepoint", "raw_tracepoint", "proc"), _by_scan(_TRACEPOINT)),
    "scan-derived": Rung(_ladders("tracepoint", "census", "proc"), _by_scan(_DERIVED)),
    "compat": Rung(ALL.only("epoll_create", "tracepoint"), Sight(), compat=True),
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
            yield observing


@contextmanager
def _observed(rung: Rung) -> Iterator[Observing]:
    with ExitStack() as stack:
        try:
            way = observe(rung.ladders, compat=rung.compat) if rung.ladders else observe_by_proc()
            observing = stack.enter_context(way)
        except SourceUnavailable as error:
            raise Refused(" ".join(str(error).split())) from error
        yield observing
