"""The doctor's report: what works on this machine, what does not, and how to fix it."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from typing import NamedTuple

from epolltop.errors import Requirement
from epolltop.model.holding import Unlisted
from epolltop.model.source import Source
from epolltop.query.derived_limits import limits_of_machine
from epolltop.query.limit_catalogue import words
from epolltop.query.refusal_catalogue import found, needed
from epolltop.query.source_members import LIMIT, SOURCE
from epolltop.text.glyphs import in_ascii


class Kept(NamedTuple):
    """Rights while observing, when all is attached."""

    capabilities: Sequence[str]
    """Of the thread that polls."""
    no_new_privs: bool
    files_of: tuple[int, str]
    """The user whose rights files are created with, by id, and the variable that says so; empty: our own."""


def doctor_report(
    needs: Sequence[Requirement],
    source: Source | None,
    why: str,
    *,
    compat: int,
    unlisted: Unlisted,
    kept: Kept,
    json: bool,
    ascii_only: bool,
) -> str:
    """All requirements with their state and remedy, then the source that would be used.

    Args:
        needs: each requirement of the BPF source.
        source: the opened source; None if none could be opened.
        why: the reason, if none could be opened.
        compat: number of processes that run 32-bit programs.
        unlisted: references to instances that no census shows.
        kept: the rights with which epolltop observes and creates files.
        json: return one JSON object.
        ascii_only: use no other characters.
    """
    limits = limits_of_machine(source, compat, unlisted) if source else ()
    if json:
        document = {
            "schema": "epolltop.doctor/1",
            "requirements": [
                {"name": need.name, "met": need.met, "detail": found(need), "remedy": needed(need) or None}
                for need in needs
            ],
            "source": SOURCE.written(source) if source else None,
            "limits": [LIMIT.written(limit) for limit in limits],
            "error": why or None,
            "compat_processes": compat,
            "unlisted": unlisted._asdict(),
            "kept": {
                "capabilities": kept.capabilities,
                "no_new_privs": kept.no_new_privs,
                "files_of_uid": kept.files_of[0],
                "files_by": kept.files_of[1] or None,
            },
        }
        return jsonlib.dumps(document, indent=2) + "\n"
    lines = []
    unneeded = source is not None and source.exact  # as tracefs where functions are probed
    for need in needs:
        state = "ok" if need.met else "none" if unneeded else "FAIL"
        lines.append(f"{state:6}{need.name:11} {found(need)}{'; nothing here needs it' * (state == 'none')}")
        if state == "FAIL" and (remedy := needed(need)):
            lines.append(f"{'':18}remedy: {remedy}")
    lines.append("")
    if source is None:
        lines.append(f"no source can run: {why}")
    else:
        lines.append(f"source: {source.kind}, counts are {'exact' if source.exact else 'lower bounds'}")
        lines.extend(f"  {probe.name:13} {probe.attached_to}" for probe in source.probes)
        lines.append(f"  {'census':13} {source.census_by}")
        lines.append(f"  {'keeps':13} {', '.join(kept.capabilities) or 'no capabilities'}{_and_gains(kept)}")
        lines.append(f"  {'files':13} {_files(*kept.files_of)}")
        lines.extend(f"  note: {note}" for note in map(words, limits))
    text = "\n".join(lines) + "\n"
    return in_ascii(text) if ascii_only else text


def _and_gains(kept: Kept) -> str:
    return "" if kept.no_new_privs else "; programs that it executes may gain some"


def _files(uid: int, told_by: str) -> str:
    return f"made with the rights of user {uid}{f' ({told_by})' if told_by else ''}"
