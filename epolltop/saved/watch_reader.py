"""The interest lists of a snapshot file."""

from __future__ import annotations

from epolltop.model.watch import InterestList, Target, TargetKind, Watch, event_mask
from epolltop.saved.snapshot_form import Written
from epolltop.text.safe import printable

_DATA_BITS = 64


def read_interest(instance: Written) -> InterestList | None:
    """What an instance watches.

    Raises:
        ValueError: no watch is like that.
    """
    if instance.interest is None:
        return None
    watches = tuple(map(_watch, instance.interest))
    return InterestList(watches, max(0, (instance.watches or 0) - len(watches)), instance.interest_unnamed or 0)


def _watch(written: Written) -> Watch:
    target = Target(
        TargetKind.__members__.get(written.kind.upper(), TargetKind.OTHER),
        printable(written.target),
        tuple((printable(name), _detail(value)) for name, value in written.details.items()),
    )
    nested = None if written.nested is None else int(written.nested.partition("@")[0], 16)
    events, data = event_mask(written.events), int(written.data, 16)
    if events >> 32 or data >> _DATA_BITS:
        raise ValueError("more bits than a watch has")
    return Watch(written.fd, events, data, target, written.stale, written.shared, nested)


def _detail(value: object) -> int | str:
    return printable(value) if isinstance(value, str) else int(value)  # type: ignore[call-overload]
