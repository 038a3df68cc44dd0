"""Every rung of every ladder by force.

A rung stands for the best that some kernel allows. One that the running kernel refuses says what the kernel answered.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from epolltop.errors import SourceUnavailable
from epolltop.model.limits import RELEASES_DERIVED, SHORT_LIVED_UNSEEN
from epolltop.proc import open_files as openfiles
from epolltop.query.refusal_catalogue import refusal_words
from epolltop.sources.bpf.ladder import ALL, Ladders
from epolltop.sources.bpf.probes.spec import WITHOUT
from tests.kernel.observing import Observing, observe, observe_by_proc

from .coverage import Coverage


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One way to observe."""

    ladders: Ladders | None
    """None: /proc alone."""
    coverage: Coverage
    compat: bool = False
    """With the probe on the end of every system call, for 32-bit tasks."""
    spared: frozenset[str] = frozenset()
    """Moves of which it cannot tell the outcome."""


class Refused(Exception):
    """The running kernel does not have it; the message is what the kernel answered."""


def _ladders(
    epoll_create: str, files_free: str, census: str, *, wait: str = "tracepoint", ctl: str = "tracepoint"
) -> Ladders:
    ladders = ALL.only("epoll_create", epoll_create).only("files_free", files_free).only("census", census)
    return ladders.only("epoll_wait", wait).only("epoll_ctl", ctl)


_FUNCTIONS = Coverage(refused=False)
_TRACEPOINT = Coverage(compat=False)
_DERIVED = Coverage(compat=False, releases=False, limit=RELEASES_DERIVED)
_ADDRESS_UNSEEN = frozenset({"create_compat"})
"""What is created unseen, at an address that was let go since the last census, is taken for what was created there."""
_REQUEST_UNSEEN = frozenset({"change_by_ring"})
"""Some compilers keep no function that serves a request."""
_TABLE_UNSEEN = frozenset({"execute_with_another_table", "leave_to_another_table"})
"""What another thread had at some descriptor is taken for what the first one had there."""

_PROC = Coverage(
    creations=False,
    compat=False,
    refused=False,
    releases=False,
    tables=False,
    addresses=False,
    waits=False,
    changes=False,
    limit=SHORT_LIVED_UNSEEN,
)


def _by_scan(epoll_create: str, files_free: str, coverage: Coverage) -> Rung:
    """The same probes, but that on interest lists, with the census of /proc and kcmp(2)."""
    seen = dataclasses.replace(coverage, tables=False, addresses=False, changes=False)
    return Rung(ladders=_ladders(epoll_create, files_free, "proc", ctl=WITHOUT), coverage=seen, spared=_TABLE_UNSEEN)


RUNGS = {
    "fentry": Rung(
        ladders=_ladders("fexit", "fentry", "iterator", wait="fentry", ctl="fexit"),
        coverage=dataclasses.replace(_FUNCTIONS, entries=False),
        spared=_REQUEST_UNSEEN,
    ),
    "kprobe": Rung(ladders=_ladders("kretprobe", "kprobe", "iterator"), coverage=_FUNCTIONS),
    "slab": Rung(ladders=_ladders("tracepoint", "raw_tracepoint", "iterator"), coverage=_TRACEPOINT),
    "derived": Rung(ladders=_ladders("tracepoint", "census", "iterator"), coverage=_DERIVED, spared=_ADDRESS_UNSEEN),
    "scan-fentry": _by_scan("fexit", "fentry", _FUNCTIONS),
    "scan-slab": _by_scan("tracepoint", "raw_tracepoint", _TRACEPOINT),
    "compat": Rung(
        ladders=ALL.only("epoll_create", "tracepoint").only("epoll_ctl", "tracepoint"), coverage=Coverage(), compat=True
    ),
    "proc": Rung(ladders=None, coverage=_PROC),
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
            raise Refused(" ".join(refusal_words(error.evidence).split())) from error
        yield observing
