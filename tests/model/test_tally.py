"""Counters of any table, whatever its key and its record: by process, in sum, and a second."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from operator import itemgetter
from typing import NamedTuple

import pytest

from epolltop.model.batch import TABLES, CounterTable
from epolltop.model.packed_counters import PackedCounters
from epolltop.model.process import ProcessKey
from epolltop.model.rates import Counted, counted
from epolltop.model.source import SEEN_BY
from epolltop.model.tally import Entries, Tally
from epolltop.sources.bpf.probes import PROBES
from tests.support.records import P, Q


class Waits(NamedTuple):
    """A record that no batch has."""

    calls: int = 0
    events: int = 0


Key = tuple[int, int, ProcessKey]
"""An instance, a thread, its process."""
ONE: Key = (0xA00, 100, P)
TWO: Key = (0xA00, 101, P)
OTHER: Key = (0xB00, 200, Q)


class PackedWaits(PackedCounters):
    """The same as a kernel map has it."""

    count = 2


def _packed(entries: dict[Key, Waits]) -> dict[Key, PackedWaits]:
    return {key: PackedWaits(struct.pack("<2Q", *entry)) for key, entry in entries.items()}


def _applied(*ticks: Mapping[Key, Waits | PackedWaits]) -> Tally[ProcessKey]:
    tally: Tally[ProcessKey] = Tally(CounterTable(Waits(), itemgetter(2)))
    entries = Entries()
    for tick in ticks:
        tally.apply(entries.rises(tick), itemgetter(2))
    return tally


def test_a_process_did_what_is_counted_under_all_its_keys() -> None:
    tally = _applied({ONE: Waits(2, 3)}, {ONE: Waits(5, 3), TWO: Waits(1, 1), OTHER: Waits(7, 0)})
    assert (tally.of(P), tally.of(Q)) == (Waits(6, 4), Waits(7, 0))
    assert tally.sum(lambda _: True) == Waits(13, 4)
    assert tally.sum(lambda process: process == P) == Waits(6, 4)


def test_counts_never_fall_when_an_entry_goes_or_begins_anew() -> None:
    assert _applied({ONE: Waits(5, 5), TWO: Waits(1, 1)}, {TWO: Waits(1, 1)}).of(P) == Waits(6, 6)
    assert _applied({ONE: Waits(5, 5)}, {}, {ONE: Waits(2, 1)}).of(P) == Waits(7, 6)
    assert _applied({ONE: Waits(5, 5)}, {ONE: Waits(2, 1)}).of(P) == Waits(7, 6)


def test_packed_counters_equal_what_they_count() -> None:
    one = PackedWaits(struct.pack("<2Q", 3, 1))
    assert one == PackedWaits(struct.pack("<2Q", 3, 1)) == Waits(3, 1)
    assert one != PackedWaits(struct.pack("<2Q", 3, 2))
    assert one != Waits(1, 3)


@pytest.mark.parametrize(
    "ticks",
    [
        [{ONE: Waits(2, 3)}, {ONE: Waits(5, 3), TWO: Waits(1, 1), OTHER: Waits(7, 0)}],
        [{ONE: Waits(5, 5)}, {ONE: Waits(6, 1)}, {ONE: Waits(6, 2)}],  # the higher digit fell
        [{ONE: Waits(5, 5)}, {ONE: Waits(1, 6)}, {}, {ONE: Waits(1, 6)}],  # the lower one
        [{ONE: Waits(2**63 - 1, 1), TWO: Waits(1, 0)}, {ONE: Waits(2**63 - 1, 2), TWO: Waits(9, 9)}],
    ],
)
def test_packed_counters_add_up_like_records(ticks: list[dict[Key, Waits]]) -> None:
    assert _applied(*map(_packed, ticks)).counts == _applied(*ticks).counts
    assert [Waits(*entry) for entry in _packed(ticks[0]).values()] == list(ticks[0].values())


def test_a_forgotten_process_stays_in_the_sum_if_it_is_covered() -> None:
    tally = _applied({ONE: Waits(5, 5), OTHER: Waits(7, 0)}, {})
    tally.forget(P, covered=True)
    tally.forget(Q, covered=False)
    assert (tally.counts, tally.sum(lambda _: True)) == ({}, Waits(5, 5))


def test_each_counter_has_a_total_and_a_rate() -> None:
    did = counted(Waits(10, 6), Waits(4, 6), 2.0)
    assert did == Counted(Waits(10, 6), (6, 0), 2.0)
    assert (did.per_s("calls"), did.per_s("events")) == (3.0, 0.0)
    assert counted(Waits(10, 6), Waits(), 0.0).per_s("calls") == 0.0, "nothing has a rate in no time"


def test_each_counter_is_seen_by_a_probe() -> None:
    counters = {counter for table in TABLES.values() for counter in table.none._fields}
    assert counters == SEEN_BY.keys()
    assert set(SEEN_BY.values()) <= {probe.name for probe in PROBES}
