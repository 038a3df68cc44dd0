"""What a late loop does, in words, and the command that tells more of it."""

from __future__ import annotations

from collections.abc import Mapping

from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_of import LoopOf

_WORDS: Mapping[Doing, str] = {
    Doing.UNKNOWN: "does something that is not known",
    Doing.ON_CPU: "runs on a CPU",
    Doing.RUNNABLE: "waits for a CPU",
    Doing.THROTTLED: "is throttled, its control group has used up its CPU time",
    Doing.PAGE_FAULT: "is in a page fault",
    Doing.BLOCKED: "is blocked",
    Doing.STOPPED: "is stopped",
}
_COMMANDS: Mapping[str, str] = {
    "asyncio": "py-spy dump --pid {pid}, or python -m asyncio pstree {pid} (Python 3.14)",
    "uvloop": "py-spy dump --pid {pid}, or python -m asyncio pstree {pid} (Python 3.14)",
    "select.epoll": "py-spy dump --pid {pid}",
    "node": "kill -USR1 {pid}, then node inspect -p {pid}",
    "netty": "jcmd {pid} Thread.print",
    "java-nio": "jcmd {pid} Thread.print",
}
"""By the sign of a runtime in the code of the process. (SIGUSR1 ends what is no Node.js.)"""


def did(look: LateLook) -> str:
    """A predicate: is blocked in read of pipe:[7] ← python 9/4."""
    return _WORDS[look.doing] + (f" in {call}" if (call := _call(look)) else "")


def briefly(look: LateLook) -> str:
    """For a column: `blocked read pipe:[7] ← python 9/4`."""
    call = _call(look)
    return f"{look.doing.word} {call}" if call else look.doing.word


def next_command(row: LoopOf) -> str | None:
    """Shows what the program is doing in its own terms; None if no such command is known for its runtime."""
    signs = row.process.facts.runtime_signs or ()
    return next((_COMMANDS[sign].format(pid=row.process.pid) for sign in signs if sign in _COMMANDS), None)


def _call(look: LateLook) -> str | None:
    if look.call is None or look.fd is None:
        return look.call
    return f"{look.call} of {look.target.title if look.target else f'descriptor {look.fd}, which is not known'}"
