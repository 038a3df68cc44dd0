"""Instances that watch instances."""

from __future__ import annotations

from epolltop.findings.instance_case import InstanceCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity
from epolltop.model.instance import Instance

DEPTH_MAX = 5
"""Instances inside each other: the kernel allows as many."""
_TOLD_MAX = 3


def _depth(case: InstanceCase) -> int | None:
    """How many instances are inside each other here, at least: of those whose lists were read."""
    if case.reading is None or not case.reading.nested:
        return None
    known = case.cases.read_by_file

    def below(instance: Instance, path: tuple[int, ...]) -> int:
        watches = instance.interest.watches if instance.interest else ()
        inner = {watch.nested for watch in watches if watch.nested is not None} - {*path}
        deeper = (below(known[file], (*path, file)) if file in known else 1 for file in inner)
        return 1 + max(deeper, default=0) if len(path) < DEPTH_MAX else 1

    return max(2, below(case.instance, (case.instance.file,)))


def _inner(case: InstanceCase) -> str | None:
    numbers = [str(watch.fd) for watch in case.reading.nested] if case.reading else []
    more = len(numbers) - _TOLD_MAX
    return ", ".join((*numbers[:_TOLD_MAX], *([f"{more} more"] if more > 0 else ()))) or None


NESTED: Family[InstanceCase] = Family(
    name="nested",
    of="instance",
    among="read",
    rules=(
        Rule(
            id="nested",
            severity=Severity.INFO,
            brief="nested: {depth} deep",
            sentence="it watches {nested} other instances, as descriptors {inner}; {depth} are inside each other",
            means="Each ADD of an instance looks at all paths, under one lock for all; here {add_per_s} a second.",
            cause="A library with an instance of its own is embedded in a loop, or loops are stacked by design.",
            fix="Nothing, if few are added. Otherwise add instances once, or watch all files with one instance.",
            conditions=(
                Condition(
                    Measure(
                        "nested",
                        "count",
                        lambda case: None if case.reading is None else len(case.reading.nested),
                        "Instances that it watches.",
                    ),
                    at_least=Threshold("nested.instances", 1, "Few programs do it."),
                ),
            ),
            evidence=(
                Measure("inner", "text", _inner, "By which descriptors."),
                Measure("depth", "count", _depth, "How many are inside each other, as far as lists were read."),
                Measure("add_per_s", "per_s", lambda case: case.ctl_per_s("add"), "ADD to its list, a second."),
                Measure("del_per_s", "per_s", lambda case: case.ctl_per_s("delete"), "DEL from it, a second."),
            ),
            lasts_s=0.0,
            healthy="MaxScale shares listeners so; libev, libuv and sd-event let other loops embed theirs.",
            confirm="View 5 with the filter `kind:epoll` lists them.",
            reports=("flux-framework/flux-core#2554",),
        ),
    ),
)
