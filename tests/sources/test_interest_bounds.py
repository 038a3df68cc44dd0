"""What strangers can make long is bounded, and what was left out is told."""

from __future__ import annotations

import os
import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey
from epolltop.model.socket import NamespaceSockets
from epolltop.model.watch import InterestList, TargetKind
from epolltop.netlink import sock_diag
from epolltop.own_process.pace import Deadline
from epolltop.proc import ends, fdinfo, inode_paths, net, target_facts
from epolltop.proc.procfs import Procfs
from epolltop.sources import interest, sightings
from epolltop.sources.interest import InterestLists

ME = os.getpid()
COUNT = 30
MANY = 5_000
FAMILIES = len(("tcp", "tcp6", "udp", "udp6", "unix"))


@pytest.fixture(name="instance")
def _instance() -> Iterator[select.epoll]:
    """Watches a pipe, sockets, and eventfds."""
    with select.epoll() as instance:
        opened = [os.eventfd(0) for _ in range(COUNT)]
        pairs = [socket.socketpair() for _ in range(COUNT)]
        for fd in (*opened, *(one.fileno() for one, _ in pairs)):
            instance.register(fd)
        yield instance
        for fd in opened:
            os.close(fd)
        for one, other in pairs:
            one.close()
            other.close()


def look(instance: select.epoll, within_s: float = 10.0) -> InterestList:
    return InterestLists(Procfs()).look({1: [Descriptor(ProcessKey(ME, 0), instance.fileno())]}, within_s)[1]


def test_a_long_list_is_told_in_part(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "WATCHES_MAX", 20)
    monkeypatch.setattr(sightings, "TWICE_MAX", 20)
    found = look(instance)
    assert (len(found.watches), found.more) == (20, 2 * COUNT - 20)
    assert {watch.target.kind for watch in found.watches} <= {TargetKind.UNKNOWN, TargetKind.UNIX}, "read once"


def test_only_the_first_lines_are_kept(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fdinfo, "_CHUNK_BYTES", 100)
    whole = fdinfo.read_interest("/proc", ME, instance.fileno(), 1000)
    part = fdinfo.read_interest("/proc", ME, instance.fileno(), 7)
    assert (len(whole.lines), whole.total) == (2 * COUNT, 2 * COUNT)
    assert (part.lines, part.total) == (whole.lines[:7], 2 * COUNT)


def test_without_time_nothing_but_sockets_is_named(instance: select.epoll) -> None:
    lists = InterestLists(Procfs())
    asked = {file: [Descriptor(ProcessKey(ME, 0), instance.fileno())] for file in range(1, 4)}
    assert lists.look(asked, -1.0) == {}


def test_targets_that_there_is_no_time_for_are_counted(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "STEPS_MAX", 1000)
    found = look(instance)
    unknown = [watch for watch in found.watches if watch.target.kind is TargetKind.UNKNOWN]
    assert 0 < len(unknown) == found.unnamed <= COUNT


def test_time_is_for_those_first_that_have_no_inode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "STEPS_MAX", 100)
    pipes = [os.pipe() for _ in range(COUNT)]
    last = os.eventfd(7)
    with select.epoll() as instance:
        for fd in (*(read for read, _ in pipes), last):
            instance.register(fd)
        *others, eventfd = look(instance).watches
    for fd in (last, *(fd for pipe in pipes for fd in pipe)):
        os.close(fd)
    assert (eventfd.fd, eventfd.target.text, eventfd.stale) == (last, "count 7", False)
    assert {(watch.target.kind, watch.stale) for watch in others} == {(TargetKind.PIPE, None)}


def test_names_share_one_room(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interest, "INTEREST_CHARS_MAX", 200)
    found = look(instance)
    assert sum(len(watch.target.text) for watch in found.watches if watch.target.kind is not TargetKind.UNKNOWN) <= 200
    assert 0 < found.unnamed < len(found.watches)


def test_a_look_through_sockets_ends(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    assert instance
    monkeypatch.setattr(sock_diag, "SOCKETS_MAX", 3)
    found = sock_diag.sockets_in(None, {os.fstat(instance.fileno()).st_ino}, Deadline(10.0))
    assert not found.complete
    assert sock_diag.sockets_in(None, set(), Deadline(-1.0)) == NamespaceSockets(complete=False)


def test_sockets_that_were_not_reached_are_counted(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(instance).unnamed == 0
    monkeypatch.setattr(sock_diag, "SOCKETS_MAX", 0)
    found = look(instance)
    assert (found.unnamed, found.is_whole) == (COUNT, False)


def test_lists_of_many_sockets_take_one_dump_of_each_family(
    instance: select.epoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sockets there are, and however many instances watch them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * MANY:
        pytest.skip(f"a process may have {hard} descriptors here")
    asked: list[bytes] = []
    answers = sock_diag._answers

    def counting(channel: socket.socket, request: bytes, deadline: Deadline) -> Iterator[bytes]:
        asked.append(request)
        return answers(channel, request, deadline)

    monkeypatch.setattr(sock_diag, "_answers", counting)
    with ExitStack() as opened, select.epoll() as second:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * MANY), hard))
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(MANY):
            one, other = map(opened.enter_context, socket.socketpair())
            instance.register(one)
            second.register(other)
        lists = InterestLists(Procfs())
        of = {file: [Descriptor(ProcessKey(ME, 0), each.fileno())] for file, each in enumerate((instance, second), 1)}
        found = lists.look(of, 10.0)
    sockets = [watch for each in found.values() for watch in each.watches if watch.target.kind is TargetKind.UNIX]
    assert len(sockets) == 2 * MANY + COUNT
    assert [each.unnamed for each in found.values()] == [0, 0]
    assert len(asked) == len(set(asked)) == FAMILIES


def test_a_long_file_of_sockets_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "_INET_BYTES_MAX", 10)
    assert not net.inet_sockets("/proc", ME, {1}, Deadline(10.0)).complete
    assert not net.inet_sockets("/proc", ME, {1}, Deadline(-1.0)).complete


def test_a_look_through_descriptors_ends() -> None:
    with socket.socket() as one:
        link = f"socket:[{os.fstat(one.fileno()).st_ino}]"
        copies = [os.dup(one.fileno()) for _ in range(5)]
        found = ends.EndFinder(Procfs()).ends({link}, Deadline(10.0))
        for each in copies:
            os.close(each)
        assert len(found.by_link[link]) == ends.EACH_MAX
        assert ends.EndFinder(Procfs()).ends({link}, Deadline(-1.0)) == ends.Ends({link: []})


def test_long_names_are_cut(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epolltop.sources.target_names.TARGET_CHARS_MAX", 10)
    assert max(len(watch.target.text) for watch in look(instance).watches) == 10


def test_only_some_tables_are_searched(instance: select.epoll, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then no watch is called stale for it."""
    monkeypatch.setattr(interest, "TABLES_MAX", 1)
    number, copy = os.eventfd(0), os.eventfd(0)
    instance.register(number)
    os.dup2(number, copy)
    os.close(number)
    holders = [Descriptor(ProcessKey(pid, 0), instance.fileno()) for pid in (ME, os.getppid())]
    found = InterestLists(Procfs()).look({1: holders}, 10.0)[1]
    os.close(copy)
    (watch,) = (watch for watch in found.watches if watch.fd == number)
    assert watch.stale is None


def test_only_some_paths_of_inotify_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "inotify wd:{:x} ino:{:x} sdev:800001 mask:100 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:00ff\n"
    info = "".join(line.format(number, number) for number in range(1, 100)).encode() + b"inotify wd:64 ino:64 sdev:8"
    facts = target_facts.target_facts(TargetKind.INOTIFY, info)
    assert (facts.lasting, len(facts.marks)) == ((("paths_watched", 99),), target_facts.MARKS_MAX)
    monkeypatch.setattr(inode_paths, "PATHS_S", -1.0)
    assert inode_paths.inode_paths("/proc", ME, facts.marks) == {}
