"""The shape of what is written as JSON: which members there are, and of which type."""

from __future__ import annotations

import re
from typing import Any

from tests.support.schema_check import check_document

NUMBER = (int, float)
NONE = type(None)
Shape = dict[str, Any]

SOURCE: Shape = {
    "kind": str,
    "exact": bool,
    "unreadable": int,
    "probes": list,
    "events": int,
    **dict.fromkeys(("sampled_out", "failed_sampled_out"), int),
    "lost": int,
}
TOTALS: Shape = {
    **dict.fromkeys(("processes", "instances", "shown"), int),
    **dict.fromkeys(("created", "released", "create_failed", "released_by_kernel"), int),
    **dict.fromkeys(("create_per_s", "release_per_s"), NUMBER),
}
DOCUMENT: Shape = {"schema": str, "taken_at": str, "window_s": NUMBER, "host": dict, "source": dict, "totals": dict}
PROCESS: Shape = {
    **dict.fromkeys(("pid", "open", "created", "released", "create_failed", "sampled_out", "failed_sampled_out"), int),
    **dict.fromkeys(("name", "command"), str),
    **dict.fromkeys(("user", "cgroup", "container", "started_at"), (str, NONE)),
    **dict.fromkeys(("uid", "ns_pid"), (int, NONE)),
    **dict.fromkeys(("create_per_s", "release_per_s"), NUMBER),
    "instances": list,
}
INSTANCE: Shape = {
    "id": str,
    "fds": list,
    "holders": list,
    "provenance": str,
    "created_at": (str, NONE),
    "age_s": (*NUMBER, NONE),
    "size": (int, NONE),
    "flags": (list, NONE),
    "watches": (int, NONE),
    "stack": (list, NONE),
}
EVENT: Shape = {
    **dict.fromkeys(("timestamp", "argsNum"), int),
    **dict.fromkeys(("processId", "threadId", "parentProcessId", "userId", "returnValue"), (int, NONE)),
    **dict.fromkeys(("eventName", "hostName"), str),
    "processName": (str, NONE),
    "args": list,
    "epoll": dict,
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def check(document: Shape, shape: Shape) -> None:
    for name, kinds in shape.items():
        assert name in document, name
        assert isinstance(document[name], kinds), (name, document[name])
        assert not isinstance(document[name], bool) or kinds is bool, name


def check_snapshot(document: Shape, *, counted: bool = True) -> None:
    unknown = {key for key in {*TOTALS, *PROCESS} if not counted and _is_count(key)}
    if not any(probe["name"] == "epoll_create" and probe["traces"] for probe in document["source"]["probes"]):
        unknown |= {"create_failed", "sampled_out", "failed_sampled_out"}
    shape = {key: NONE if key in unknown else kinds for key, kinds in TOTALS.items()}
    check(document, DOCUMENT)
    check_document(document)
    assert document["schema"] == "epolltop.snapshot/1"
    assert TIME.fullmatch(document["taken_at"])
    assert set(document["host"]) >= {"hostname", "kernel", "machine"}
    check(document["source"], SOURCE)
    for probe in document["source"]["probes"]:
        check(probe, {"name": str, "attached_to": str, "traces": bool})
    check(document["totals"], shape)
    assert document["totals"]["shown"] == len(document["processes"])
    for process in document["processes"]:
        shape = {key: NONE if key in unknown else kinds for key, kinds in PROCESS.items()}
        if document["source"]["exact"] and not process["exact"]:  # a neighbour with 32-bit calls: its 0 may be more
            shape |= {key: (int, float, NONE) for key in PROCESS if _is_count(key)}
        check(process, shape)
        assert process["open"] == len(process["instances"])
        for instance in process["instances"]:
            check(instance, INSTANCE)
            assert re.fullmatch(r"[0-9a-f]+@\d+", instance["id"])
            assert instance["provenance"] in ("traced", "found")
            assert process["pid"] in instance["holders"]
            assert (instance["created_at"] is None) == (instance["age_s"] is None)


def _is_count(key: str) -> bool:
    return key.startswith(("create_", "created", "release")) or key.endswith("sampled_out")
