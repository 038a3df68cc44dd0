"""What processes asked for of interest lists, by a snapshot file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.instance import Provenance
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import CtlError
from epolltop.query.ctl_members import CTL, errors_of
from epolltop.saved.read_back import read_back
from epolltop.saved.snapshot_form import Written


def read_ctl(listed: Iterable[tuple[ProcessKey, Written]]) -> dict[str, Any]:
    """Members of a snapshot.

    Args:
        listed: the processes of the file, each with its identity.
    """
    counts: dict[CtlKey, CtlCounts] = {}
    errors: dict[CtlKey, Mapping[CtlError, int]] = {}
    for process, told in listed:
        for instance in told.instances:
            if instance.ctl is not None:
                file, _, since_ns = instance.id.partition("@")
                traced = instance.provenance == Provenance.TRACED.value
                key = CtlKey(int(file, 16), int(since_ns) if traced else 0, process)
                counts[key] = read_back(CTL, instance.ctl, CtlCounts)
                errors[key] = errors_of(instance.ctl.errors)
    return {"ctl": counts, "ctl_errors": errors}
