"""What kinds of files the descriptors of a process are for, and where its threads wait if not in epoll."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.process_row import ProcessRow
from epolltop.model.thread_waits import ThreadWaits
from epolltop.query.field import Field
from epolltop.query.member import Member, Structure, same


class _Figure(NamedTuple):
    """One of the numbers in a record, which has a field and a member of the same name as there."""

    name: str
    field: str
    title: str
    help: str


_KINDS = (
    _Figure("socket", "sockets", "SOCKETS", "Descriptors of the process for sockets of any family."),
    _Figure("pipe", "pipes", "PIPES", "Descriptors for pipes."),
    _Figure("file", "files", "FILES", "Descriptors for what is opened by a path: regular files, directories, devices, "
            "FIFOs; and for memory with a name."),
    _Figure("epoll", "epoll_fds", "EPOLLFDS", "Descriptors for epoll instances."),
    _Figure("eventfd", "eventfds", "EVENTFDS", "Descriptors for eventfds."),
    _Figure("timerfd", "timerfds", "TIMERFDS", "Descriptors for timerfds."),
    _Figure("inotify", "inotify_fds", "INOTIFYS", "Descriptors for inotify instances."),
    _Figure("io_uring", "io_uring_fds", "RINGS", "Descriptors for rings of io_uring."),
    _Figure("other", "other_fds", "OTHERFDS", "Descriptors for anything else, such as signalfds, pidfds and "
            "namespaces."),
)  # fmt: skip
_CALLS = (
    _Figure("poll", "poll_threads", "INPOLL", "Threads that wait in poll or ppoll now, of a process of which none "
            "waits in epoll."),
    _Figure("select", "select_threads", "INSELECT", "Threads that wait in select or pselect now, of such a process."),
    _Figure("io_uring", "io_uring_threads", "INURING", "Threads that wait in io_uring_enter now, of such a process."),
)  # fmt: skip


def _fields(numbers: tuple[_Figure, ...], record: Callable[[ProcessRow], Any]) -> tuple[Field[ProcessRow], ...]:
    def field(number: _Figure) -> Field[ProcessRow]:
        def get(row: ProcessRow, _: object) -> int | None:
            told = record(row)
            return None if told is None else int(getattr(told, number.name))

        return Field(number.field, number.title, 8, "count", get, number.help, shown=False, in_json=False)

    return tuple(map(field, numbers))


def _members(numbers: tuple[_Figure, ...]) -> tuple[Member[Any], ...]:
    return tuple(same(each.name, "integer", each.help, known=True) for each in numbers)


DESCRIPTOR_FIELDS: tuple[Field[ProcessRow], ...] = (
    *_fields(_KINDS, lambda row: row.descriptors),
    *_fields(_CALLS, lambda row: row.thread_waits),
)
DESCRIPTORS: Structure[Descriptors] = Structure("descriptors", (
    same("total", "integer", "Descriptors of any kind.", known=True),
    *_members(_KINDS),
))  # fmt: skip
THREAD_WAITS: Structure[ThreadWaits] = Structure("thread_waits", _members(_CALLS))


def _written(structure: Structure[Any], record: Any) -> dict[str, Any] | None:
    return None if record is None else structure.written(record)


DESCRIPTORS_OF_PROCESS: tuple[Member[ProcessRow], ...] = (
    Member("descriptors", DESCRIPTORS, "Its descriptors by kind, in all of its tables, as the last census counted "
           "them; `null`: it did not see all of them.", lambda row, _: _written(DESCRIPTORS, row.descriptors)),
    Member("thread_waits", THREAD_WAITS, "Where its threads wait if none waits in epoll; `null`: one does, or that was "
           "not looked at.", lambda row, _: _written(THREAD_WAITS, row.thread_waits)),
)  # fmt: skip
