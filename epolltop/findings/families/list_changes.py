"""Changes of interest lists: more than a loop needs, or refused by the kernel."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from epolltop.findings.instance_case import InstanceCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.ctl_activity import CtlOperation
from epolltop.model.finding import Severity

_OPERATIONS = {CtlOperation.ADD: "ADD", CtlOperation.DEL: "DEL", CtlOperation.MOD: "MOD"}
_ON_PURPOSE = frozenset((errno.EEXIST, errno.ENOENT))
_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        errno.EEXIST: "it is watched already",
        errno.ENOENT: "it is not watched",
        errno.EBADF: "the descriptor is closed",
        errno.EPERM: "such a file cannot be watched, as a regular file",
        errno.ENOSPC: "the user has fs.epoll.max_user_watches",
        errno.ELOOP: "instances would watch each other in a circle, or too deep",
        errno.EINVAL: "the instance itself, or events that do not go together",
        errno.ENOMEM: "the kernel has no memory",
    }
)


def _per_wait(case: InstanceCase) -> float | None:
    changes, waits = case.ctl_per_s("all"), case.waits_per_s
    return None if changes is None or not waits else changes / waits


def _errors(case: InstanceCase, *, grave: bool) -> Mapping[tuple[CtlOperation, int], int]:
    """Without those of which programs make use, if only the others are asked for."""
    errors = case.ctl_errors or {}
    return {how: number for how, number in errors.items() if not (grave and how[1] in _ON_PURPOSE)}


def _errors_per_s(case: InstanceCase, *, grave: bool) -> float | None:
    if case.ctl_errors is None or not case.window_s:
        return None
    return sum(_errors(case, grave=grave).values()) / case.window_s


def _commonest(case: InstanceCase, *, grave: bool) -> tuple[CtlOperation, int] | None:
    errors = _errors(case, grave=grave)
    return max(errors, key=lambda how: (errors[how], how), default=None)


def _name(how: tuple[CtlOperation, int] | None) -> str | None:
    if how is None:
        return None
    return f"{_OPERATIONS.get(how[0], '?')}:{errno.errorcode.get(how[1], str(how[1]))}"


def _meaning(how: tuple[CtlOperation, int] | None) -> str | None:
    return None if how is None else _MEANINGS.get(how[1])


_CHANGES = Measure[InstanceCase](
    "ctl_per_s", "per_s", lambda case: case.ctl_per_s("all"), "Changes of the interest list, a second."
)
CTL_CHURN: Family[InstanceCase] = Family(
    name="ctl",
    of="instance",
    among="changed",
    rules=(
        Rule(
            id="ctl-churn",
            severity=Severity.INFO,
            brief="{ctl_per_wait} changes a wait",
            sentence="its interest list is changed {ctl_per_s} times a second, {ctl_per_wait} times for each wait",
            means="Each change is a system call of about 1 us, under a lock: 100,000 a second take a tenth of a core.",
            cause="Watches are removed and added, or their events changed, for each request or message.",
            fix="Keep a watch as long as its descriptor; change its events only if they differ, at most once a wait.",
            conditions=(
                Condition(_CHANGES, at_least=Threshold("ctl.per_s", 1000, "Fewer cost less than 0.1% of a core.")),
                Condition(
                    Measure("ctl_per_wait", "count", _per_wait, "Changes for each wait."),
                    at_least=Threshold("ctl.per_wait", 2, "A server adds or changes one watch for a connection."),
                ),
            ),
            evidence=(
                Measure("add_per_s", "per_s", lambda case: case.ctl_per_s("add"), "ADD, a second."),
                Measure("mod_per_s", "per_s", lambda case: case.ctl_per_s("mod"), "MOD, a second."),
                Measure("del_per_s", "per_s", lambda case: case.ctl_per_s("delete"), "DEL, a second."),
                Measure(
                    "readd_per_s",
                    "per_s",
                    lambda case: case.ctl_per_s("readd"),
                    "Watches added again within a second of their removal, where one MOD would do.",
                ),
            ),
            healthy="Clients under full load, as redis-benchmark and wrk, switch from writing to reading by design.",
            confirm="`strace -c -f -e epoll_ctl,epoll_wait,epoll_pwait -p PID` counts both.",
            fixes=(("netty", "Newer versions gather changes; with ChannelOption.AUTO_READ each toggle is a change."),),
            reports=("netty/netty#9397", "lalinsky/zio#510", "eventlet/eventlet#181", "intel/asynch_mode_nginx#82"),
        ),
    ),
)


def _kind(name: str, help: str, *, grave: bool) -> tuple[Measure[InstanceCase], Measure[InstanceCase]]:
    return (
        Measure(name, "text", lambda case: _name(_commonest(case, grave=grave)), help),
        Measure("meaning", "text", lambda case: _meaning(_commonest(case, grave=grave)), "What that says."),
    )


_REFUSED = Rule[InstanceCase](
    id="ctl-errors",
    severity=Severity.WARN,
    brief="{errors_per_s}/s {error}",
    sentence="epoll_ctl fails {errors_per_s} times a second, most often with {error}: {meaning}",
    means="What it asked for is not watched, or still is: events stay away, or come for what is long closed.",
    cause="A descriptor that was closed before its watch was removed (EBADF), a file that is always ready (EPERM), or "
    "a limit that is reached (ENOSPC: fs.epoll.max_user_watches, all watches of the user).",
    fix="Remove watches before descriptors are closed; read regular files without epoll; raise the limit by sysctl.",
    conditions=(
        Condition(
            Measure(
                "errors_per_s", "per_s", lambda case: _errors_per_s(case, grave=True), "Changes that failed, a second."
            ),
            at_least=Threshold("ctl.errors_per_s", 1, "An error now and then is handled."),
        ),
    ),
    evidence=_kind("error", "The commonest, operation and errno.", grave=True),
    healthy="EEXIST and ENOENT alone are notes: libuv and others try ADD, and MOD if that says EEXIST.",
    confirm="`strace -e epoll_ctl -p PID` shows the calls that fail.",
    reports=("panjf2000/gnet#572", "MagicStack/uvloop#100", "oven-sh/bun#40078"),
)
CTL_ERRORS: Family[InstanceCase] = Family(
    name="ctl-errors",
    of="instance",
    among="changed",
    rules=(
        _REFUSED,
        replace(
            _REFUSED,
            severity=Severity.INFO,
            conditions=(
                replace(
                    _REFUSED.conditions[0],
                    value=replace(_REFUSED.conditions[0].value, get=lambda case: _errors_per_s(case, grave=False)),
                ),
            ),
            evidence=_kind("error", "The commonest, operation and errno.", grave=False),
        ),
    ),
)
