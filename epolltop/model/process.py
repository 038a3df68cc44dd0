"""Processes: their keys, and what /proc tells of one."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import BUILD_ID_CHARS_MAX, CODE_FILES_MAX, RUNTIMES_MAX, Name, Text, Ticks

NS_PER_TICK = 10_000_000
"""A clock tick as /proc counts them: USER_HZ is 100 wherever BPF runs."""


class ProcessKey(NamedTuple):
    """A process, safe against reuse of its pid."""

    pid: int
    """Thread group id."""
    start: Ticks
    """Start of the group leader in clock ticks since boot, field 22 of /proc/PID/stat; 0 if unknown."""


class CodeFile(NamedTuple):
    """A file with code that a process has in its stacks."""

    name: Name
    """As frames have it: without its directory, cut if it is long."""
    build_id: Annotated[str, Meta(max_length=BUILD_ID_CHARS_MAX)]
    """The build id that the linker gave it, in hexadecimal digits."""


class Process(NamedTuple):
    """What /proc says about one process."""

    key: ProcessKey
    ppid: int | None
    name: Name
    command: Text
    uid: int | None
    user: Name | None
    cgroup: Text | None
    fds: int | None
    """Open descriptors; None if it may not be read."""
    fd_limit: int | None
    """Soft RLIMIT_NOFILE; None if unlimited or unreadable."""
    container: Name | None = None
    """Id of the innermost container, or its name with runtimes without ids; None if its cgroup names no container."""
    ns_pid: int | None = None
    """The pid of the process in its own PID namespace; equal to its pid if epolltop observes from that namespace."""
    compat: bool = False
    """Whether it is known to run a 32-bit program on a 64-bit kernel."""
    command_bytes: int | None = None
    """Length of the whole command line, of which `command` may be the beginning; None if not known."""
    command_truncated: bool = False
    threads: int | None = None
    """How many it has; None if not known."""
    runtime_signs: Annotated[tuple[Name, ...], Meta(max_length=RUNTIMES_MAX)] | None = None
    """Runtimes of event loops of which its code has a sign, see runtimes.py; None if that could not be read."""
    code_files: Annotated[tuple[CodeFile, ...], Meta(max_length=CODE_FILES_MAX)] = ()
    """Files with build ids among those whose code was in one of its stacks; sorted."""
    image: int | None = None
    """Tells the program that it runs from others: parent and child of a fork have the same, until one of them executes
    a program. It says nothing else, and nothing to another epolltop. None if not known."""
