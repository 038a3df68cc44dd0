"""The members of a watch in a snapshot file: those of its fields."""

from __future__ import annotations

from typing import Any

from epolltop.model.bounds import WATCHES_MAX
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.member import Member, Structure
from epolltop.query.watch_fields import WATCHED_FIELDS
from epolltop.query.watch_of import WatchOf, watches_in

_ORDER = "fd kind target details events data stale shared nested"
_MEMBERS = {field.id: field.member for field in WATCHED_FIELDS if field.in_json}
WATCH: Structure[WatchOf] = Structure("watch", tuple(_MEMBERS[name] for name in _ORDER.split()))


def _interest(row: InstanceOf, snapshot: Any) -> list[dict[str, Any]] | None:
    if row.instance.interest is None:
        return None
    return [WATCH.written(each, snapshot) for each in watches_in(row.instance, row.process)]


INTEREST_UNNAMED: Member[InstanceOf] = Member(
    "interest_unnamed", "integer", "Watches of that list whose target was not looked at: there was no time, or no room "
    "for its name; absent if there are none.",
    lambda row, _: row.instance.interest.unnamed or None if row.instance.interest else None, known=True, optional=True,
)  # fmt: skip
INTEREST: Member[InstanceOf] = Member(
    "interest", WATCH, f"What it watches, by descriptor, with --watches, or if view, filter or sort need it; of more "
    f"than {WATCHES_MAX:,} the first ones. In the view `watches`, those that are shown, in their order. Absent if that "
    "was not asked for, or could not be read.", _interest, many=True, optional=True,
    items_max=WATCHES_MAX,
)  # fmt: skip
