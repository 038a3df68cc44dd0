"""A value may be a histogram: it has a column, a sort order, a filter, JSON, a schema and a metric as numbers have."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import fastjsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.histogram import Histogram, from_json
from epolltop.model.process_row import ProcessRow
from epolltop.query.field import Field, Metric, lookup
from epolltop.query.filter import parse_over
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import PROCESSES, View, look
from epolltop.saved import snapshot_form as forms
from tests.docs.schema import schema_of
from tests.support.rows import process_row, snapshot

FEW_MS = Histogram((0,) * 20 + (98, 0, 0, 2), largest=5_000_000)
"""98 of about a millisecond, two of four to eight."""
LAG = {42: FEW_MS, 43: Histogram((3,), 0), 44: Histogram((), 0)}
LAGS: Field[ProcessRow] = Field(
    "lag", "LAG", 16, "seconds", lambda row, _: LAG.get(row.pid), "How late.", kind="histogram"
)  # fmt: skip


def test_a_quantile_is_exact_to_a_power_of_two() -> None:
    assert FEW_MS.quantile(0.5) == (1 << 20) - 1
    assert FEW_MS.quantile(0.99) == FEW_MS.quantile(1) == 5_000_000
    assert Histogram((), 0).quantile(0.5) is None


def test_it_shows_the_median_and_the_99th_percentile() -> None:
    assert LAGS.show(process_row(42), snapshot()) == "1ms 5ms"
    assert LAGS.show(process_row(44), snapshot()) == "? ?"
    assert LAGS.show(process_row(45), snapshot()) == "?"


def test_rows_sort_and_are_filtered_by_the_99th_percentile() -> None:
    fields = (*PROCESS_FIELDS, LAGS)
    world = snapshot(*(process_row(pid) for pid in (43, 44, 42)))
    subject = replace(PROCESSES, fields=fields)
    assert [row.pid for row in look(world, View(subject, sort="lag"))] == [42, 43, 44]
    assert [row.pid for row in look(world, View(subject, parse_over(fields, "lag>4ms")))] == [42]
    assert LAGS.value(process_row(42), world) == 0.005


def test_json_has_its_buckets_in_the_unit_and_the_schema_says_so() -> None:
    written = LAGS.member.get(process_row(42), snapshot())
    assert written["max_s"] == 0.005
    assert written["histogram"] == [[0.001048576, 98], [0.008388608, 2]]
    assert written["p99_s"] == 0.005
    validate = fastjsonschema.compile(schema_of(LAGS.member))
    for pid in (42, 43, 44, 45):
        validate(json.loads(json.dumps(LAGS.member.get(process_row(pid), snapshot()))))
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate({"max_s": 1})


@given(st.lists(st.integers(0, 1 << 40), max_size=65), st.integers(0, 1 << 40), st.sampled_from([1, 10**9]))
def test_what_is_written_is_read_again(counts: list[int], largest: int, steps: int) -> None:
    while counts and not counts[-1]:
        counts.pop()
    made = Histogram(tuple(counts), largest)
    written = json.dumps(made.as_json(steps, "_s" if steps > 1 else ""))
    kind: Any = forms.BucketsOfSeconds if steps > 1 else forms.Buckets
    assert msgspec.json.decode(written, type=kind).read() == made


def test_a_bucket_that_no_histogram_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no histogram"):
        from_json([(3.0, 1)], 3, 1)


def test_each_field_has_its_kind_of_metric() -> None:
    kinds = {field.id: field.metric for field in (*PROCESS_FIELDS, LAGS)}
    assert {name for name, metric in kinds.items() if metric.kind == "counter"} == {
        "created", "released", "create_failed", "sampled_out", "failed_sampled_out",
    }  # fmt: skip
    assert kinds["lag"] == Metric("histogram", "seconds", 1)
    assert kinds["net"] == Metric("gauge", "", 1)
    assert kinds["command"].kind == kinds["pid"].kind == "label"
    assert kinds["age_s"] == Metric("gauge", "seconds", 1)
    per_minute = lookup(PROCESS_FIELDS, "net_per_min")
    assert per_minute.metric == Metric("gauge", "per_second", 1 / 60)
