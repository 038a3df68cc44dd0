"""The BPF object: its programs and maps. Only its compilation, its perf buffer and it talk to libbcc.

What differs between versions of libbcc is in docs/bcc.md.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from epolltop.bcc import kretprobes, syscalls
from epolltop.bcc.btf import VMLINUX, Btf
from epolltop.bcc.compilation import compiled
from epolltop.bcc.hash_map import HashMap
from epolltop.bcc.perf_buffer import PerfBuffer
from epolltop.own_process.descriptors import silenced
from epolltop.proc.fdinfo import own_recursion_misses, own_run_time_ns

_PERF_TYPE_SOFTWARE, _PERF_COUNT_SW_CPU_CLOCK = 1, 0  # include/uapi/linux/perf_event.h


class AttachError(Exception):
    """A program could not be loaded or attached."""

    def __init__(self, hook: str, number: int, *, no_tracepoint: bool = False) -> None:
        super().__init__(f"{hook}: {os.strerror(number)}")
        self.hook = hook
        """As fentry:do_epoll_wait."""
        self.errno = number
        """0 if it is not known."""
        self.no_tracepoint = no_tracepoint
        """A tracepoint was not there, or out of reach."""


class Program:
    """A loaded BPF object. Not thread-safe."""

    def __init__(self, bcc: Any, defines: Mapping[str, int], units: Iterable[str]) -> None:
        """Compiles; nothing is attached yet.

        Args:
            bcc: its Python module.
            defines: macros by name.
            units: files of bpf/, in the order in which they are compiled.

        Raises:
            SourceUnavailable: the compiler refused, or the kernel refused the maps.
        """
        self._object = compiled(bcc, defines, units)
        self._bcc = bcc
        self._lib = bcc.lib
        self._links: list[int] = []
        self._begun: dict[str, io.FileIO] = {}  # the last pass of each iterator
        self._tracepoints: dict[str, int] = {}
        self._attached: dict[tuple[str, str], int] = {}  # the programs' descriptors

    def attach(self, how: str, program: str, target: str) -> None:
        """Loads a program and attaches it.

        Args:
            how: fentry, fexit, kprobe, kretprobe, tracepoint or raw_tracepoint.
            program: name of the C function; fentry and fexit name theirs after the target.
            target: kernel function or tracepoint.

        Raises:
            AttachError: refused or absent.
        """
        bpf, name, to = self._object, self._tracing(how, target) or program.encode(), target.encode()
        calls: dict[str, Callable[[], object]] = {
            "fentry": lambda: bpf.attach_kfunc(fn_name=name),
            "fexit": lambda: bpf.attach_kretfunc(fn_name=name),
            "kprobe": lambda: bpf.attach_kprobe(event=to, fn_name=name),
            "kretprobe": lambda: self._attach_kretprobe(name, target),
            "tracepoint": lambda: self._attach_tracepoint(name, target),
            "raw_tracepoint": lambda: bpf.attach_raw_tracepoint(tp=to, fn_name=name),
        }
        ctypes.set_errno(0)
        try:
            with silenced():
                calls[how]()
        except Exception as error:  # BCC raises bare Exception for everything
            absent = isinstance(error, syscalls.NoTracepoint)
            raise AttachError(f"{how}:{target}", _number_of(error), no_tracepoint=absent) from error
        self._attached[how, target] = bpf.funcs[name].fd

    def sample(self, program: str, frequency: int) -> None:
        """Runs one program at a clock of each CPU that is online.

        Args:
            program: name of the C function.
            frequency: per second.

        Raises:
            AttachError: refused.
        """
        ctypes.set_errno(0)
        try:
            with silenced():
                self._object.attach_perf_event(
                    ev_type=_PERF_TYPE_SOFTWARE,
                    ev_config=_PERF_COUNT_SW_CPU_CLOCK,
                    fn_name=program.encode(),
                    sample_freq=frequency,
                )
        except Exception as error:  # BCC raises bare Exception
            raise AttachError(f"perf_event:{program}", _number_of(error)) from error
        self._attached["perf_event", program] = self._object.funcs[program.encode()].fd

    def misses(self, how: str, target: str) -> int:
        """How many runs of the program attached there the kernel skipped; see `own_recursion_misses`."""
        return own_recursion_misses(self._attached[how, target])

    @contextlib.contextmanager
    def statistics(self) -> Iterator[None]:
        """The kernel times the runs of all programs of the machine meanwhile, which makes each 30 ns longer.

        Raises:
            OSError: it cannot (before Linux 5.8), or may not.
        """
        kept = syscalls.enable_statistics()
        try:
            yield
        finally:
            os.close(kept)

    def run_time_ns(self, hooks: Iterable[tuple[str, str]]) -> int:
        """How long what is attached at these hooks has run, as far as there are statistics."""
        return sum(map(own_run_time_ns, {self._attached[hook] for hook in hooks}))

    def _tracing(self, how: str, target: str) -> bytes:
        """The name that BCC gave a fentry or fexit program. Since 0.29 it contains the module or vmlinux.

        Empty for other kinds of programs, which keep the names of their functions.
        """
        prefix = {"fentry": b"kfunc__", "fexit": b"kretfunc__"}.get(how)
        if prefix is None:
            return b""
        name = prefix + b"vmlinux__" + target.encode()
        return name if self._lib.bpf_function_start(self._object.module, name) else prefix + target.encode()

    def _attach_kretprobe(self, program: bytes, target: str) -> None:
        most = kretprobes.maxactive(tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])))
        if most:
            kretprobes.sweep([target])
        self._object.attach_kretprobe(event=target.encode(), fn_name=program, maxactive=most)

    def _attach_tracepoint(self, program: bytes, target: str) -> None:
        function = self._object.load_func(program, self._object.TRACEPOINT)
        self._tracepoints[target] = syscalls.attach_tracepoint(target, function.fd)

    def detach(self, how: str, target: str) -> None:
        """Detaches the program that `attach` or `sample` attached."""
        bpf, to = self._object, target.encode()
        calls: dict[str, Callable[[], object]] = {
            "fentry": lambda: bpf.detach_kfunc(fn_name=self._tracing(how, target)),
            "fexit": lambda: bpf.detach_kretfunc(fn_name=self._tracing(how, target)),
            "kprobe": lambda: bpf.detach_kprobe(event=to),
            "kretprobe": lambda: bpf.detach_kretprobe(event=to),
            "tracepoint": lambda: os.close(self._tracepoints.pop(target)),
            "raw_tracepoint": lambda: bpf.detach_raw_tracepoint(tp=to),
            "perf_event": lambda: bpf.detach_perf_event(_PERF_TYPE_SOFTWARE, _PERF_COUNT_SW_CPU_CLOCK),
        }
        calls[how]()
        del self._attached[how, target]

    def detach_all(self) -> None:
        """Undoes every attach: nothing fires any more.

        A syscall tracepoint takes some 70 ms, in which the kernel waits. So they are closed side by side: eight take
        0.3 s instead of 0.6 s.
        """
        attached = list(self._attached)
        tracepoints = [target for how, target in attached if how == "tracepoint"]
        closing = [threading.Thread(target=self.detach, args=("tracepoint", each)) for each in tracepoints]
        for thread in closing:
            thread.start()
        for how, target in attached:
            if how != "tracepoint":
                self.detach(how, target)
        for thread in closing:
            thread.join()

    def perf_buffer(self, name: str) -> PerfBuffer:
        """The buffer of that name, not yet open."""
        return PerfBuffer(self._lib, self._object[name.encode()], self._bcc.utils.get_online_cpus)

    def iterator(self, program: str) -> Callable[[], io.FileIO]:
        """Loads and links an iterator program. The returned function begins a pass, which is read like a file.

        The caller closes each pass. `close` closes the last one if it is still open.

        Raises:
            AttachError: refused (no BTF, before Linux 5.8).
        """
        lib, hook = self._lib, f"iterator:{program}"
        ctypes.set_errno(0)
        try:
            function = self._load_iterator(program)
            with silenced():
                lib.bcc_iter_attach.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
                lib.bcc_iter_create.argtypes = [ctypes.c_int]
                link = lib.bcc_iter_attach(function, None, 0)
        except Exception as error:  # BCC raises bare Exception
            raise AttachError(hook, _number_of(error)) from error
        if link < 0:
            raise AttachError(hook, ctypes.get_errno())
        self._links.append(link)

        def begin() -> io.FileIO:
            descriptor = lib.bcc_iter_create(link)
            if descriptor < 0:
                raise OSError(ctypes.get_errno(), f"{program}: cannot start the iterator")
            begun = self._begun[program] = io.FileIO(descriptor)
            return begun

        return begin

    def _load_iterator(self, program: str) -> int:
        """Its descriptor. BCC is tried first, because it finds the type in a tenth of the time."""
        name, lib, module = program.encode(), self._lib, self._object.module
        try:
            with silenced():
                return int(self._object.load_func(name, self._object.TRACING).fd)
        except Exception:
            kernel = Btf(VMLINUX.read_bytes())
            start, size = lib.bpf_function_start(module, name), lib.bpf_function_size(module, name)
            target = kernel.function(program.replace("bpf_iter__", "bpf_iter_"))
            self._links.append(syscalls.load_iterator(start, size // 8, target))
            return self._links[-1]

    def per_cpu(self, name: str, layout: struct.Struct) -> list[tuple[int, ...]]:
        """Element 0 of a per-CPU array, one tuple a CPU."""
        leaf = bytes(self._object[name.encode()].getvalue(ctypes.c_int(0)))
        return list(layout.iter_unpack(leaf))

    def element(self, name: str, layout: struct.Struct) -> tuple[int, ...]:
        """Element 0 of an array."""
        return layout.unpack(bytes(self._object[name.encode()][ctypes.c_int(0)]))

    def set_element(self, name: str, value: bytes) -> None:
        """Writes element 0 of an array."""
        table = self._object[name.encode()]
        table[ctypes.c_int(0)] = table.Leaf.from_buffer_copy(value)

    def table(self, name: str, key: struct.Struct, value: struct.Struct) -> HashMap:
        """A hash map to read whole."""
        table = self._object[name.encode()]
        most = self._lib.bpf_table_max_entries_id(self._object.module, table.map_id)
        return HashMap(self._lib, table.map_fd, most, key, value)

    def close(self) -> None:
        """Detaches everything and frees the maps. Close the buffers first."""
        self.detach_all()
        for begun in self._begun.values():
            begun.close()
        while self._links:  # BCC does not know of these
            os.close(self._links.pop())
        with silenced():
            self._object.cleanup()


def _number_of(error: Exception) -> int:
    """The errno of a refusal, which libbcc's last call left behind if BCC raised it."""
    return (error.errno if isinstance(error, OSError) else None) or ctypes.get_errno()
