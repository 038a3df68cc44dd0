"""What the doctor says of other machines than that of golden/doctor.txt."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from epolltop.errors import Requirement
from epolltop.model.holding import Unlisted
from epolltop.model.source import Source
from epolltop.output.doctor import Kept, doctor_report
from tests.support.examples import exact

MET = Requirement("BCC", True, {"state": "found", "version": "0.26.0", "path": "/usr/lib/python3/dist-packages/bcc"})
NOTHING = Unlisted(0, 0, 0, True)
NO_RIGHTS = Kept((), False, (0, ""))


def report(
    *needs: Requirement,
    by: Source | None = None,
    why: str = "",
    compat: int = 0,
    unlisted: Unlisted = NOTHING,
    as_json: bool = False,
) -> str:
    return doctor_report(
        needs, by, why, compat=compat, unlisted=unlisted, kept=NO_RIGHTS, json=as_json, ascii_only=True
    )


def document(*needs: Requirement, **given: Any) -> Any:
    return json.loads(report(*needs, as_json=True, **given))


def exactly(*, sees_compat: bool = True) -> Source:
    return dataclasses.replace(exact().source, sees_compat=sees_compat)


def test_counts_that_are_exact() -> None:
    assert "\nsource: bpf, counts are exact\n" in report(MET, by=exactly())
    source = document(MET, by=exactly())["source"]
    assert (source["kind"], source["exact"], source["fallback"]) == ("bpf", True, None)
    assert [probe["traces"] for probe in source["probes"]] == [True, True]


def test_what_is_missing_and_not_needed_has_no_remedy() -> None:
    tracefs = Requirement("tracefs", False, {"tracefs": "no_syscalls"})
    assert report(tracefs, MET, by=exactly()).splitlines()[:2] == [
        "none  tracefs     has no syscall tracepoints; nothing here needs it",
        "ok    BCC         0.26.0 from /usr/lib/python3/dist-packages/bcc",
    ]
    assert document(tracefs, by=exactly())["requirements"] == [
        {
            "name": "tracefs",
            "met": False,
            "detail": "has no syscall tracepoints",
            "remedy": "a kernel with CONFIG_FTRACE_SYSCALLS=y",
        }
    ]


def test_programs_of_32_bits_that_are_not_seen() -> None:
    unseen = "creations by {} are not counted (>=, ?) without --compat"
    assert unseen.format("1 32-bit process") in report(by=exactly(sees_compat=False), compat=1)
    assert unseen.format("32-bit calls") in report(by=exactly(sees_compat=False))
    assert "32-bit" not in report(by=exactly(), compat=1)
    told = document(by=exactly(sees_compat=False), compat=1)
    assert told["compat_processes"] == 1
    assert [limit["evidence"] for limit in told["limits"] if limit["id"] == "compat_uncounted"] == [{"processes": 1}]


def test_instances_that_are_in_no_census() -> None:
    flying = Unlisted(1, 1, 0, True)
    assert "instances held only by 1 descriptor in flight in 1 socket are in no census" in report(
        by=exactly(), unlisted=flying
    )
    assert "in no census" not in report(by=exactly())
    assert document(by=exactly(), unlisted=flying)["unlisted"] == {
        "in_flight": 1, "sockets": 1, "registered": 0, "complete": True
    }  # fmt: skip


def test_no_source_at_all() -> None:
    why = "privileges: uid 65534; remedy: be root"
    assert report(MET, why=why).splitlines()[-1] == f"no source can run: {why}"
    made = document(MET, why=why)
    assert (made["source"], made["error"]) == (None, why)
    assert made["kept"] == {"capabilities": [], "no_new_privs": False, "files_of_uid": 0, "files_by": None}
