"""A field: one fact about a row, with everything that a front end needs to offer it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, NamedTuple, TypeAlias

from epolltop.model.histogram import Histogram
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Form, Member, Row, Shape, rounded
from epolltop.text.cells import cut
from epolltop.text.numbers import NOT_APPLICABLE, UNKNOWN, at_least, count, duration, percentage, rate

Value: TypeAlias = int | float | str | bool | None
"""Raw and of one type per field, so that it sorts; None is unknown."""

Raw: TypeAlias = Value | Histogram

Unit: TypeAlias = Literal["id", "count", "per_s", "per_min", "per_h", "seconds", "share", "text"]
"""id is a number that counts nothing (a pid): never rounded. text may also be a truth value, read as yes or no."""

Alarm: TypeAlias = Literal["notice", "warn", "error"]
"""How alarming a number is, the worst last."""


MetricKind: TypeAlias = Literal["gauge", "counter", "histogram", "label"]
"""As metrics have it: a counter only grows, a label names the others."""


class Metric(NamedTuple):
    """The form of a field for a program that collects metrics."""

    kind: MetricKind
    unit: str
    """Base unit, the suffix of a metric's name: seconds, per_second, or empty."""
    factor: float
    """Factor from the raw value to the base unit."""


class _BucketUnit(NamedTuple):
    """Of the histograms of a unit."""

    in_unit: int
    suffix: str
    """Of names in JSON."""
    form: Form


_FORMS: dict[Unit, Form] = {"id": "integer", "count": "integer", "text": "text"}
_STEPS: dict[Unit, _BucketUnit] = {
    "count": _BucketUnit(1, "", "histogram"),
    "seconds": _BucketUnit(10**9, "_s", "histogram_s"),
}
_BASE: dict[Unit, tuple[str, float]] = {
    "seconds": ("seconds", 1),
    "per_s": ("per_second", 1),
    "per_min": ("per_second", 1 / 60),
    "per_h": ("per_second", 1 / 3600),
    "share": ("ratio", 1),
}


def _calm(_row: object, _snapshot: Snapshot) -> None:
    """The severity of most cells."""


def _to_all(_row: object, _snapshot: Snapshot) -> bool:
    """Most fields apply to every row."""
    return True


def _always(_snapshot: Snapshot) -> bool:
    """Most columns are worth their room in every snapshot."""
    return True


def _may_lack(row: object) -> bool:
    """Whether the counts of this row may be incomplete."""
    return isinstance(row, ProcessRow) and row.lacking


@dataclass(frozen=True, slots=True)
class Field(Shape, Generic[Row]):
    """One column, sort key, filter word, help entry, and member of a snapshot file with its schema and reader."""

    id: str
    """Snake case; what --sort and filters call it."""
    title: str
    """Column heading."""
    width: int
    """Cells; 0 takes the remaining cells."""
    unit: Unit
    """Of the raw value."""
    get: Callable[[Row, Snapshot], Raw]
    """In unit; a histogram of seconds has steps of a nanosecond, one of counts steps of one."""
    help: str
    """One sentence: what it is, how it is measured, in what unit."""
    aliases: tuple[str, ...] = ()
    applies: Callable[[Row, Snapshot], bool] = _to_all
    """Whether it says anything about this row. If not, tables have a dash."""
    otherwise: Field[Row] | None = None
    """What tables have of a row in place of a value that is None."""
    text: Callable[[Row, Snapshot], str] | None = None
    """Replaces the readable form that follows from the unit."""
    least: Callable[[Row, Snapshot], Value] | None = None
    """> and >= compare this in place of the value: a lower bound, which may be known when the value is not."""
    order: Callable[[Row, Snapshot], Value] | None = None
    """Sort key in place of the value."""
    ranked: bool = False
    """Of a text: rows sort by how much `order` says, most first, not by the alphabet."""
    finds: Callable[[str, Callable[[str], bool]], Callable[[Row, Snapshot], bool | None]] | None = None
    """Makes what a text comparison asks of a row, in place of a test of the value: of what stands after `:`, else of an
    empty text, and of what the comparison asks of a text. None: not known."""
    observed: str = ""
    """The counter that it comes from: unknown before the first window, and if neither a probe nor the census reports
    it; a lower bound if only the census does."""
    of_watches: bool = False
    """Whether it is known only of instances whose interest list was read."""
    shown: bool = True
    """Whether it is a column by default."""
    worth: Callable[[Snapshot], bool] = _always
    """Whether a shown column has anything to show for this snapshot. If not, it is left out."""
    spare: int = 0
    """Without room for all columns, those with the highest number are left out first; of equals, the last."""
    roomy: int = 0
    """Cells that spare columns leave to a column that takes the remaining cells, so that it tells enough."""
    severity: Callable[[Row, Snapshot], Alarm | None] = _calm
    """How alarming the cell is."""
    kind: MetricKind | None = None
    """Kind of metric, unless it follows: a count of the observation is a counter, text is a label."""
    in_json: bool = True
    """Whether the row's object in a snapshot file has it."""
    json: Callable[[Row, Snapshot], Any] | None = None
    """Makes the JSON value in place of the raw one; not called while the value is not observed."""
    json_help: str = ""
    """Help about the member, if it differs."""
    form: Form | None = None
    """Form of the JSON value, if it does not follow from the unit."""

    @property
    def right(self) -> bool:
        """Whether it is aligned to the right, as numbers are."""
        return self.unit != "text"

    @property
    def descending(self) -> bool:
        """Natural direction of sorting: most first, but names and numbers that are names ascend."""
        return self.ranked or self.unit not in ("id", "text")

    @property
    def names(self) -> tuple[str, ...]:
        """All names that lookup accepts for it, in lower case, the id first."""
        return (self.id, self.title.lower(), *self.aliases)

    def value(self, row: Row, snapshot: Snapshot) -> Value:
        """Raw, in unit; None if unknown. Of a histogram the 99th percentile: rows sort and are filtered by it."""
        raw = self._raw(row, snapshot)
        return self._quantile(raw, 0.99) if isinstance(raw, Histogram) else raw

    def _raw(self, row: Row, snapshot: Snapshot) -> Raw:
        return self.get(row, snapshot) if self._is_told(snapshot) else None

    def _is_told(self, snapshot: Snapshot) -> bool:
        return not self.observed or (snapshot.window_s > 0 and snapshot.source.knows(self.observed))

    def _quantile(self, of: Histogram, share: float) -> float | None:
        steps = of.quantile(share)
        return None if steps is None else steps / _STEPS[self.unit].in_unit

    @property
    def metric(self) -> Metric:
        """Its form for metrics."""
        label = self.unit in ("id", "text")
        kind = self.kind or ("label" if label else "counter" if self.observed and self.unit == "count" else "gauge")
        return Metric(kind, *_BASE.get(self.unit, ("", 1)))

    @property
    def member(self) -> Member[Row]:
        """Its member in a snapshot file."""
        form = _STEPS[self.unit].form if self.kind == "histogram" else self.form or _FORMS.get(self.unit, "number")
        shape = {each.name: getattr(self, each.name) for each in dataclasses.fields(Shape)}
        written = self._written if self.observed or form not in _AS_IT_IS else self.json or self.get
        return Member(self.id, form, self.json_help or self.help, written, **shape)

    def _written(self, row: Row, snapshot: Snapshot) -> Any:
        if self.json is None:
            value = self._raw(row, snapshot)
            if isinstance(value, Histogram):
                return value.as_json(_STEPS[self.unit].in_unit, _STEPS[self.unit].suffix)
            return rounded(value) if isinstance(value, float) else value
        return self.json(row, snapshot) if self._is_told(snapshot) else None

    def show(self, row: Row, snapshot: Snapshot) -> str:
        """For people; '?' if unknown, '≥' before a lower bound. Of a histogram the median and the 99th percentile."""
        if self.otherwise is not None and self.value(row, snapshot) is None:
            return self.otherwise.show(row, snapshot)
        if not self.applies(row, snapshot):
            return NOT_APPLICABLE
        if self.text is not None:
            return self.text(row, snapshot)
        value = self._raw(row, snapshot)
        if isinstance(value, Histogram):
            return " ".join(self._readable(self._quantile(value, share)) for share in (0.5, 0.99))
        readable = self._readable(value)
        if not (self.observed and value) or (snapshot.source.sees(self.observed) and not _may_lack(row)):
            return readable
        return at_least(readable)

    def _readable(self, value: Value) -> str:
        if value is None:
            return UNKNOWN
        if isinstance(value, str | bool) or self.unit in ("id", "text"):
            return as_text(value)
        if self.unit == "count":
            return count(int(value))
        return _READABLE.get(self.unit, rate)(value)


_AS_IT_IS: tuple[Form, ...] = ("integer", "text", "truth", "time")
"""Forms of values that JSON has as they are, neither rounded nor in another unit."""
_READABLE: dict[Unit, Callable[[float], str]] = {"seconds": duration, "share": percentage}
"""Of all other numbers with a fraction: rates."""
GAP = 1
"""Blank cells between columns."""
FLEXIBLE_MIN = 16
"""Least width of the column that takes the remaining cells; columns before it are dropped to reach it."""


def apart(fields: Iterable[Field[Row]]) -> list[Field[Row]]:
    """The same, where there is room for what stands in for a field: none stands in, and each has its own name."""
    return [replace(field, otherwise=None, title=field.id.upper()) if field.otherwise else field for field in fields]


def shown(fields: Sequence[Field[Row]], snapshot: Snapshot | None) -> list[Field[Row]]:
    """The default columns that are worth their room; without a snapshot, those that always are."""
    by_default = (field for field in fields if field.shown)
    return [field for field in by_default if (field.worth(snapshot) if snapshot else field.worth is _always)]


def fitting(fields: Sequence[Field[Row]], width: int, snapshot: Snapshot | None) -> tuple[Field[Row], ...]:
    """The shown fields that fit in that many cells, without the most spare ones; the flexible one stays."""
    columns = dict(enumerate(shown(fields, snapshot)))
    for spare, at in sorted(
        ((field.spare, at) for at, field in columns.items() if field.width or field.spare), reverse=True
    ):
        if _least(columns.values(), is_spare=spare > 0) <= width:
            break
        del columns[at]
    return tuple(columns.values())


def _least(columns: Collection[Field[Row]], *, is_spare: bool) -> int:
    """How many cells columns need; if one of them is spare, the last shall have its room, too."""
    cells = sum(field.width or max(FLEXIBLE_MIN, is_spare * field.roomy) for field in columns)
    return cells + GAP * (len(columns) - 1)


class UnknownField(LookupError):
    """No field has that name."""

    def __init__(self, name: str, suggestions: tuple[str, ...]) -> None:
        super().__init__(f"there is no field {cut(name, 30)!r}{_hint(suggestions)}")
        self.name = name
        self.suggestions = suggestions


def meant(name: str, names: Iterable[str]) -> str:
    """A hint which of some names were meant by one that is none of them; empty if none is alike."""
    return _hint(difflib.get_close_matches(name.lower(), list(names), n=2))


def _hint(suggestions: Sequence[str]) -> str:
    return f", did you mean {' or '.join(suggestions)}?" if suggestions else ""


def lookup(fields: Sequence[Field[Row]], name: str) -> Field[Row]:
    """The field with that id, alias or title, in whatever case; UnknownField if there is none."""
    by_name = {known: field for field in fields for known in field.names}
    found = by_name.get(name.lower())
    if found is None:
        raise UnknownField(name, tuple(difflib.get_close_matches(name.lower(), by_name, n=2)))
    return found


def as_text(value: Value) -> str:
    """A raw value in the form that filters compare, not rounded."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
