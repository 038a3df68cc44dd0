"""What a program did with its descriptors, by the rules of open files alone.

Knows nothing of epolltop. A file lives as long as a table, a waiting thread, or another file that lives refers to it: a
socket refers to what was sent to it and not yet received, a ring to what is registered with it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from .files import (
    Asked,
    Bounds,
    Call,
    Changed,
    Created,
    Ctl,
    Failed,
    File,
    Kind,
    Process,
    Released,
    Slot,
    Table,
    Thread,
    Wait,
    Waited,
)

LATE_NS = 10_000_000_000
"""What threads of the kernel do is done by then."""


class Oracle:
    """The state, and what has happened so far."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        """Those that live."""
        self.past: list[Process] = []
        self.created: list[Created] = []
        self.failed: list[Failed] = []
        self.released: list[Released] = []
        self.waited: list[Waited] = []
        self.changed: list[Changed] = []
        self.made: list[File] = []
        """Files of any kind, by number."""
        self.orphans: dict[File, tuple[Process | None, Bounds]] = {}
        """Sockets, and what is in them, that refer to one another only: the kernel's collector has to find them. Since
        when, and by whose move: one that let go of more than that may come after the collector."""
        self._files: list[File] = []
        self._torn: dict[File, set[Process]] = {}  # a ring let go of them, now or later; who had it wait on them

    # What there is.

    def threads(self) -> list[Thread]:
        """All that can take a step."""
        return [thread for process in self.processes for thread in process.threads if not thread.wait]

    def waiting(self) -> list[Thread]:
        """Those that are in a wait."""
        return [thread for process in self.processes for thread in process.threads if thread.wait]

    def sharing(self, table: Table) -> list[Thread]:
        """The threads that refer to a table."""
        return [thread for process in self.processes for thread in process.threads if thread.table is table]

    def alive(self) -> list[File]:
        """The instances that have not ended."""
        return [file for file in self._files if file.kind is Kind.EPOLL]

    def holders(self, file: File) -> dict[Process, set[int]]:
        """Who has which descriptors for it."""
        found: dict[Process, set[int]] = {}
        for process in self.processes:
            for thread in process.threads:
                fds = {fd for fd, slot in thread.table.slots.items() if slot.file is file}
                if fds:
                    found.setdefault(process, set()).update(fds)
        return found

    def table(self) -> frozenset[frozenset[tuple[int, int]]]:
        """The instances that are held, each as its descriptors (pid, fd)."""
        held = (self.holders(file) for file in self.alive())
        places = (frozenset((process.pid, fd) for process, fds in each.items() for fd in fds) for each in held)
        return frozenset(filter(None, places))

    # What happens.

    def create(self, thread: Thread, fd: int, call: Call, when: Bounds) -> File:
        """An instance at a descriptor."""
        file = self._new(Kind.EPOLL)
        cloexec = bool(call.flags)
        self.created.append(Created(file, thread.process, thread.tid, fd, call, when))
        self._put(thread, fd, Slot(file, cloexec))
        return file

    def fail(self, thread: Thread, errno: int, call: Call, when: Bounds, *, refused: bool = False) -> None:
        """A creation fails."""
        self.failed.append(Failed(thread.process, thread.tid, errno, call, refused, when))

    def sockets(self, thread: Thread, fds: tuple[int, int], inodes: tuple[int, int], *, cloexec: bool) -> None:
        """A pair of them."""
        ends = self._new(Kind.SOCKET), self._new(Kind.SOCKET)
        for end, peer, fd, inode in zip(ends, reversed(ends), fds, inodes, strict=True):
            end.peer, end.inode = peer, inode
            self._put(thread, fd, Slot(end, cloexec))

    def put(self, thread: Thread, fd: int, file: File, when: Bounds, *, cloexec: bool) -> None:
        """A descriptor for a file, in place of what was there."""
        thread.table.slots.pop(fd, None)
        self._put(thread, fd, Slot(file, cloexec))
        self._settle(thread.process, when)

    def close(self, thread: Thread, fds: list[int], when: Bounds) -> None:
        """Descriptors go."""
        for fd in fds:
            del thread.table.slots[fd]
        self._settle(thread.process, when, several=len(fds) > 1)

    def send(self, thread: Thread, through: int, fds: list[int]) -> None:
        """Files go in flight, too."""
        peer = thread.table.slots[through].file.peer
        assert peer is not None
        peer.messages.append([thread.table.slots[fd].file for fd in fds])

    def receive(self, thread: Thread, through: int, fds: list[int], *, cloexec: bool) -> None:
        """The oldest message arrives."""
        files = thread.table.slots[through].file.messages.pop(0)
        for fd, file in zip(fds, files, strict=True):
            self._put(thread, fd, Slot(file, cloexec))

    def ring(self, thread: Thread, fd: int) -> None:
        """It is always close-on-exec."""
        self._put(thread, fd, Slot(self._new(Kind.RING), True))

    def register(self, thread: Thread, ring: int, fds: list[int]) -> None:
        """A ring refers to files."""
        thread.table.slots[ring].file.messages.append([thread.table.slots[fd].file for fd in fds])

    def unregister(self, thread: Thread, ring: int, when: Bounds) -> None:
        """It lets go of them."""
        file = thread.table.slots[ring].file
        self._tear(*file.messages.pop())
        self._settle(thread.process, when)

    def poll(self, thread: Thread, ring: int, fd: int) -> None:
        """A ring waits on a file as long as it lives, also when the thread has ended, if that executes no program."""
        slots = thread.table.slots
        slots[ring].file.polls.append((thread, slots[fd].file))

    def begin(
        self, process: Process, tid: int, start: int, table: Table, channel: str, *, like: Thread | None = None
    ) -> Thread:
        """A thread, maybe the first of its process."""
        if process not in self.processes:
            self.processes.append(process)
        thread = Thread(process, tid, start, table, channel, refused=like.refused if like else 0)
        process.threads.append(thread)
        return thread

    def unshare(self, thread: Thread, when: Bounds) -> None:
        """From here on it has a table of its own."""
        if len(self.sharing(thread.table)) > 1:
            thread.table = thread.table.copy()
        self._settle(thread.process, when)

    def execute(self, thread: Thread, channel: str, when: Bounds) -> None:
        """Another program: the other threads end, and what is close-on-exec goes."""
        process = thread.process
        self._cancel(thread)
        self._interrupt(process.threads, when)
        process.threads = [thread]
        self.unshare(thread, when)
        thread.table.slots = {fd: slot for fd, slot in thread.table.slots.items() if not slot.cloexec}
        thread.tid, thread.start, thread.channel = process.pid, process.start, channel
        self._settle(process, when, several=True)

    def end_thread(self, thread: Thread, when: Bounds) -> None:
        """It ends; so does its process, if it was the last."""
        thread.process.threads.remove(thread)
        if not thread.process.threads:
            self.processes.remove(thread.process)
            self.past.append(thread.process)
        self._settle(thread.process, when, several=True)

    def end(self, process: Process, when: Bounds) -> None:
        """All its threads at once."""
        self._interrupt(process.threads, when)
        process.threads.clear()
        self.processes.remove(process)
        self.past.append(process)
        self._settle(process, when, several=True)

    def change(self, thread: Thread, asked: Ctl, errno: int, when: Bounds, *, by_ring: bool = False) -> None:
        """An interest list may change. It refers to nothing."""
        slots = thread.table.slots
        if asked.fd in slots and (file := slots[asked.fd].file).kind is Kind.EPOLL:
            inode = slots[asked.target].file.inode if asked.target in slots else 0
            self.changed.append(Changed(file, thread.process, asked, inode, errno, by_ring, when))

    def enter(self, thread: Thread, fd: int, asked: Asked, when: Bounds) -> None:
        """A thread waits, and refers to what it waits on."""
        slot = thread.table.slots.get(fd)
        thread.wait = Wait(slot.file if slot and slot.file.kind is Kind.EPOLL else None, asked, when)

    def leave(self, thread: Thread, result: int, when: Bounds) -> None:
        """Its wait returns: it lets go of that."""
        self._returned(thread, result, when)
        self._settle(thread.process, when)

    def collected(self, when: Bounds) -> None:
        """The collector found all there was to find."""
        for file, (by, since) in self.orphans.items():
            self._release(file, by, (since[0], when[1]), perhaps_kernel=True)
        self.orphans = {}

    # How it follows.

    def _new(self, kind: Kind) -> File:
        file = File(len(self.made), kind)
        self.made.append(file)
        self._files.append(file)
        return file

    def _put(self, thread: Thread, fd: int, slot: Slot) -> None:
        assert fd not in thread.table.slots, f"the kernel gave {fd} to {thread}, which has it"
        thread.table.slots[fd] = slot

    def _release(self, file: File, by: Process | None, when: Bounds, *, perhaps_kernel: bool = False) -> None:
        file.released = True
        if file.kind is Kind.RING:
            self._tear(*self._inside([file]))
            for thread, polled in file.polls:
                self._tear(polled, by=thread.process)
        file.messages.clear()
        file.polls.clear()
        self._files.remove(file)
        if file.kind is Kind.EPOLL:
            torn = perhaps_kernel or file in self._torn
            perhaps = frozenset(self._torn.get(file, ()))
            self.released.append(Released(file, by, (when[0], when[1] + LATE_NS) if torn else when, torn, perhaps))

    def _returned(self, thread: Thread, result: int, when: Bounds) -> None:
        assert thread.wait is not None
        self.waited.append(Waited(thread.wait, thread, thread.tid, thread.start, result, when))
        thread.wait = None

    def _interrupt(self, threads: list[Thread], when: Bounds) -> None:
        """Who is killed in a wait returns from it first."""
        for thread in threads:
            if thread.wait:
                self._returned(thread, -errno.EINTR, when)

    def _cancel(self, thread: Thread) -> None:
        """What rings wait on for it is let go of."""
        for file in self._files:
            for each, polled in file.polls:
                if each is thread:
                    self._tear(polled, by=thread.process)
            file.polls = [(each, polled) for each, polled in file.polls if each is not thread]

    def _tear(self, *files: File, by: Process | None = None) -> None:
        """A ring lets go of them; by whom they may end besides."""
        for file in files:
            self._torn.setdefault(file, set()).update({by} if by else ())

    def _settle(self, by: Process, when: Bounds, *, several: bool = False) -> None:
        """Ends what nothing refers to any more, and what that referred to."""
        while unreferenced := set(self._files).difference(self._referred(), self._inside(self._files)):
            for file in sorted(unreferenced, key=lambda file: file.number):
                self._release(file, by, when)
        reached = set(self._referred())
        while more := set(self._inside(reached)) - reached:
            reached |= more
        lost = (by if several else None), when
        self.orphans = {file: self.orphans.get(file, lost) for file in self._files if file not in reached}

    def _referred(self) -> Iterator[File]:
        for process in self.processes:
            for thread in process.threads:
                yield from (slot.file for slot in thread.table.slots.values())
                if thread.wait and thread.wait.file:
                    yield thread.wait.file

    def _inside(self, files: list[File] | set[File]) -> Iterator[File]:
        for file in files:
            for message in file.messages:
                yield from message
            yield from (polled for _, polled in file.polls)
