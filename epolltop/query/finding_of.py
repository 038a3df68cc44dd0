"""What a finding is about, in a snapshot."""

from __future__ import annotations

from epolltop.model.finding import Finding, loop_place
from epolltop.model.loop_of import LoopOf, loops_of
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.instance_fields import InstanceOf


def subject_of(finding: Finding, snapshot: Snapshot) -> ProcessRow | InstanceOf | LoopOf | None:
    """The row of its loop, instance or process; None if that is not there any more."""
    about = finding.about
    process = snapshot.row_of(about.process)
    if process is None or not about.file:
        return process
    if about.tid:
        place = about.instance_key, about.tid
        loops = (each for each in loops_of(process) if loop_place(each.loop) == place)
        return next(loops, process)
    held = (each for each in process.instances if each.key == about.instance_key)
    return next((InstanceOf(each, process) for each in held), process)
