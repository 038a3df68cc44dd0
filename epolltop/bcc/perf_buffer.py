"""The perf buffer: a ring for each CPU, written by the probes and read by libbcc's readers."""

from __future__ import annotations

import collections
import ctypes
from collections.abc import Callable, Iterable
from typing import Any

from epolltop.bcc import syscalls
from epolltop.errors import SourceUnavailable
from epolltop.own_process.descriptors import silenced
from epolltop.own_process.own_command import own_command

# src/cc/libbpf.h of BCC: cookie, data, size; cookie, count.
_RECEIVE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_LOST = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)


class PerfBuffer:
    """`consume` may run in a thread of its own."""

    def __init__(self, lib: Any, table: Any, online: Callable[[], Iterable[int]]) -> None:
        """Opens nothing yet.

        Args:
            lib: libbcc.
            table: the BPF map from CPUs to their rings.
            online: returns the CPUs that are online now.
        """
        self._lib, self._table, self._online = lib, table, online
        self._readers: dict[int, int] = {}
        self._without_ring: collections.deque[int] = collections.deque()
        self._no_buffer: tuple[int, ...] = ()
        self._renewed: set[int] = set()
        lib.perf_reader_new.argtypes = [_RECEIVE, _LOST, ctypes.c_void_p, ctypes.c_int]
        lib.perf_reader_new.restype = ctypes.c_void_p
        lib.perf_reader_set_fd.argtypes = [ctypes.c_void_p, ctypes.c_int]
        for function in (lib.perf_reader_mmap, lib.perf_reader_event_read, lib.perf_reader_free):
            function.argtypes = [ctypes.c_void_p]

    def open(self, receive: Callable[[bytes], object], pages: int, wakeup_events: int) -> None:
        """Opens a ring for each CPU; `consume` then hands each record's bytes to receive.

        Args:
            receive: called in the thread of `consume`.
            pages: size of each ring, a power of two.
            wakeup_events: number of records after which a waiting reader is woken; none waits.

        Raises:
            SourceUnavailable: the kernel refused, for lack of memory or of privileges.
        """
        copy = ctypes.string_at
        # Loss is counted in BPF; without a callback libbcc prints about it.
        self._callbacks = _RECEIVE(lambda _, data, size: receive(copy(data, size))), _LOST(lambda _, _count: None)
        self._pages, self._wakeup_events = pages, wakeup_events
        try:
            with silenced():
                for cpu in self._online():
                    self._listen(cpu)
        except OSError as error:
            call = error.call if isinstance(error, syscalls.Refused) else ""
            evidence = {"call": call, "program": own_command()}
            raise SourceUnavailable("perf_buffer", evidence, number=error.errno or 0) from None

    def renew_rings(self, no_buffer: tuple[int, ...]) -> None:
        """Has the next `consume` make a new ring for each CPU that came online after the start.

        A CPU that was offline needs one, too: nothing enters its old ring.

        Args:
            no_buffer: how many events had no ring so far, by CPU.
        """
        before, self._no_buffer = self._no_buffer or (0,) * len(no_buffer), no_buffer
        lacking = {cpu for cpu, (then, now) in enumerate(zip(before, no_buffer, strict=True)) if now > then}
        # CPUs renewed at the last call lost events before their ring was there.
        self._renewed = lacking - self._renewed
        self._without_ring.extend(self._renewed)

    def consume(self) -> None:
        """Hands over all records. Goes on for as long as the producers are faster than Python."""
        while self._without_ring:
            cpu = self._without_ring.popleft()
            former = self._readers.get(cpu)
            try:
                self._listen(cpu)
            except OSError:  # the CPU is offline again, or there is no memory: events go on being lost
                continue
            if former is not None:
                self._lib.perf_reader_event_read(former)
                self._lib.perf_reader_free(former)
        for reader in self._readers.values():
            self._lib.perf_reader_event_read(reader)

    def close(self) -> None:
        """Frees the rings. No thread may be in `consume`."""
        while self._readers:
            self._lib.perf_reader_free(self._readers.popitem()[1])

    def _listen(self, cpu: int) -> None:
        event = syscalls.open_output(cpu, self._wakeup_events)
        # The reader comes second: freeing one that was never mapped would unmap as many pages from address 0 on, where
        # the interpreter may be.
        reader = self._lib.perf_reader_new(*self._callbacks, None, self._pages)
        self._lib.perf_reader_set_fd(reader, event)  # freeing the reader closes it
        if self._lib.perf_reader_mmap(reader) < 0:
            errno = ctypes.get_errno()
            self._lib.perf_reader_free(reader)
            raise syscalls.Refused("mmap", errno, f"mmap of {self._pages} pages")
        self._readers[cpu] = reader
        syscalls.enable(event)
        self._table[self._table.Key(cpu)] = self._table.Leaf(event)
