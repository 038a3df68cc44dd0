"""The command doctor: opens the source that would be used, asks what it has, and reports it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from epolltop.complaints import NO_SOURCE
from epolltop.errors import SourceUnavailable
from epolltop.options import Options
from epolltop.output.doctor import Kept, doctor_report
from epolltop.own_process import least_rights
from epolltop.own_process.invoker import invoker
from epolltop.own_process.privileges import gains_nothing, held
from epolltop.own_process.streams import Stdout
from epolltop.query.refusal_catalogue import refusal_remedy, refusal_words

if TYPE_CHECKING:
    from epolltop.sources.bpf.bpf_source import BpfSource
    from epolltop.sources.proc_source import ProcSource


def report_machine(options: Options, stdout: Stdout, opened: Callable[[Options], BpfSource | ProcSource]) -> int:
    """Prints what works on this machine and what does not; the exit code.

    Args:
        options: the source that is asked for, and the form of the report.
        stdout: where it goes.
        opened: opens that source.
    """
    from epolltop.bcc.requirements import requirements
    from epolltop.proc.procfs import Procfs
    from epolltop.proc.unlisted import find_unlisted

    source, described, why, code = None, None, "", 0
    try:
        source = opened(options)
    except SourceUnavailable as error:
        why, code = f"{refusal_words(error.evidence)}; remedy: {refusal_remedy(error.evidence)}", NO_SOURCE
    needs = requirements()  # as they are for that source: root's epolltop mounts tracefs
    least_rights.observer(source.needs if source else ())
    if source:
        described = source.poll().source
        source.close()
    report = doctor_report(
        needs,
        described,
        why,
        compat=len(Procfs().compat_pids()),
        unlisted=find_unlisted(),
        kept=Kept(held(), gains_nothing(), _files_of()),
        json=options.json,
        ascii_only=options.ascii_only or (not options.json and stdout.is_ascii),
    )
    (stdout.data if options.json else stdout.text)(report)
    return code


def _files_of() -> tuple[int, str]:
    """With whose rights files are made, and what says so."""
    try:
        who = invoker()
    except OSError as error:
        return os.geteuid(), error.strerror or ""
    return (who.uid, who.told_by) if who else (os.geteuid(), "")
