"""Instances that come to another process by fork or exec, and that nobody meant to give away.

A child that merely holds the instance of its parent is common and harms nothing by itself, so no rule is about that.
"""

from __future__ import annotations

from dataclasses import replace

from epolltop.findings.inheritance import Heirs, Sharer, listed, owner_of, users_after_fork
from epolltop.findings.instance_case import InstanceCase
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity


def _users(case: InstanceCase) -> tuple[Sharer, ...]:
    return users_after_fork(case.instance, case.parts) or ()


def _number_of_users(case: InstanceCase) -> int | None:
    users = users_after_fork(case.instance, case.parts)
    return None if users is None else len(users)


def _doing(case: InstanceCase) -> str:
    return listed([part.doing for part in _users(case)])


def _waiting(case: InstanceCase) -> str:
    return listed([part.name for part in _users(case) if part.waits])


def _changing(case: InstanceCase) -> str | None:
    return listed([part.name for part in _users(case) if part.changes]) or None


def _creator(case: InstanceCase) -> str | None:
    owner = owner_of(case.instance, case.parts)
    return owner.name if owner and owner.row.key == case.instance.creator else None


def _is_certain(case: InstanceCase) -> bool:
    """What a child has of its parent's, under the same number, it inherited; or what began before it did."""
    users = _users(case)
    pids = {part.row.pid for part in users}
    return case.instance.created_ns is not None or any(part.row.facts.ppid in pids for part in users)


SHARING: Family[InstanceCase] = Family(
    name="sharing",
    of="instance",
    among="shared",
    rules=(
        Rule(
            id="shared-after-fork",
            severity=Severity.WARN,
            brief="{users} share it after fork",
            sentence="{users} processes that came from one by fork use it: {doing}",
            means="Each takes events that another one waits for, and each change of the list counts for all.",
            cause="A process forked with its loop, and the child goes on with it, or tidies it up.",
            fix="Let the child close what it inherited, without removing watches, and make a loop of its own; or fork "
            "before there is a loop.",
            conditions=(
                Condition(
                    Measure(
                        "users",
                        "count",
                        _number_of_users,
                        "Processes with one program, and one number for the instance, that wait on it, or changed its "
                        "list while another one waits.",
                    ),
                    at_least=Threshold("sharing.users", 2, "One alone may have been handed what its parent made."),
                ),
            ),
            evidence=(
                Measure("doing", "text", _doing, "What each of them does."),
                Measure("waiting", "text", _waiting, "Those of them that wait."),
                Measure("changing", "text", _changing, "Those of them that changed its list, as far as was seen."),
                Measure("creator", "text", _creator, "Who created it, if that was seen and it still has it."),
                Measure("holders", "count", lambda case: case.instance.holder_count, "Processes that have it."),
            ),
            certain=_is_certain,
            healthy="A child that has the instance of its parent and leaves it alone. A parent that makes the loop for "
            "its child and does not wait on it. Threads of one process. A process that was sent the descriptor.",
            confirm="--view instances shows HOLDERS; its details say who waits, and its story since when.",
            fixes=(
                (
                    "asyncio",
                    "Use the start method `spawn` or `forkserver` of multiprocessing, or fork before the loop.",
                ),
                ("libuv", "Call uv_loop_fork() in the child before anything else."),
                ("libevent", "Call event_reinit() in the child."),
                ("libev", "Call ev_loop_fork() in the child; gevent.os.fork() does."),
            ),
            reports=("eventlet/eventlet#68", "systemd/systemd#72", "unbit/uwsgi#1713", "sid-project/sid#85"),
        ),
    ),
)


def _heirs(case: ProcessCase) -> Heirs:
    return case.heirs or _NOBODY


_NOBODY = Heirs((), (), 0)
_PILE = Measure[ProcessCase](
    "pile", "count", lambda case: _heirs(case).pile, "The most instances that one of them has."
)
_BY_EXEC = Rule[ProcessCase](
    id="inherited-by-exec",
    severity=Severity.INFO,
    brief="{programs} has {instances}",
    sentence="{programs} was executed with {instances} of its instances still open, and does not use them",
    means="The instance, and what only it keeps, outlives this process; each program that is executed has fewer "
    "descriptors.",
    cause="It was created without close-on-exec, by epoll_create or by epoll_create1 without EPOLL_CLOEXEC.",
    fix="Create it with epoll_create1(EPOLL_CLOEXEC), or close it between fork and exec.",
    conditions=(),
    evidence=(
        Measure(
            "programs",
            "text",
            lambda case: listed([part.name for part in _heirs(case).parts]),
            "Who has them, and runs another program.",
        ),
        Measure("instances", "count", lambda case: len(_heirs(case).instances), "Instances that they have."),
        _PILE,
        Measure(
            "fd",
            "id",
            lambda case: next((part.fds[0] for part in _heirs(case).parts), None),
            "The descriptor that the first of them has.",
        ),
    ),
    healthy="A descriptor that is left open on purpose: who uses it was meant to have it, and is not told. A child "
    "between fork and exec.",
    confirm="The details of the instance name its holders, and say whether each descriptor is closed on exec.",
    reports=("cesanta/mongoose#2369",),
)
INHERITED: Family[ProcessCase] = Family(
    name="inherited",
    of="process",
    gate=(
        Condition(
            Measure(
                "heirs",
                "count",
                lambda case: len(_heirs(case).parts),
                "Processes that run another program, and have instances of this one under their old number.",
            ),
            at_least=Threshold("inherited.heirs", 1, "Nobody else needs it."),
        ),
    ),
    rules=(
        replace(
            _BY_EXEC,
            severity=Severity.WARN,
            conditions=(
                Condition(
                    _PILE,
                    at_least=Threshold("inherited.pile", 8, "A program has a loop or two, and some a loop a core."),
                ),
            ),
        ),
        _BY_EXEC,
    ),
)
