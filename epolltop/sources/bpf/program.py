"""The BPF object: one compilation of bpf/*.c, its maps and programs. The only module that talks to libbcc.

libbcc prints to descriptors 1 and 2, compiles with the process' working directory changed, and leaves 90 MB of compiler
behind: all three are contained here.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.resources
import os
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from epolltop.sources import SourceUnavailable

UNITS = ("common.c", "stack.c", "epoll_create.c", "files_free.c", "census.c")
"""Files of one translation unit, in this order: BCC rewrites map accesses in its main file, not in included ones."""


class AttachError(Exception):
    """A program could not be loaded or attached; the message is BCC's."""


def bpf_directory() -> Path:
    """Where the C sources are: inside the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("epolltop")))
    installed = package / "bpf"
    return installed if installed.is_dir() else package.parent / "bpf"


class Program:
    """A loaded BPF object. Not thread-safe but for `consume`, which may run in a thread of its own."""

    def __init__(self, bcc: Any, defines: Mapping[str, int]) -> None:
        """Compiles; nothing is attached yet.

        Raises:
            SourceUnavailable: the compiler refused, or the kernel refused the maps.
        """
        directory = bpf_directory()
        unit = b"\n".join(b'#line 1 "%s"\n%s' % (name.encode(), (directory / name).read_bytes()) for name in UNITS)
        flags = ["-w", f"-I{directory}", *(f"-D{name}={value}" for name, value in defines.items())]

        class Object(bcc.BPF):  # type: ignore[misc]
            def _trace_autoload(self) -> None:
                """BCC would attach whatever is named kfunc__* at once and fail as a whole; ladders decide here."""

        self._bcc = bcc
        self._lib = bcc.lib
        self._links: list[int] = []
        self._attached: list[tuple[str, str]] = []
        said = ""
        os.environ["BCC_KERNEL_SOURCE"] = str(directory / "stub-headers")
        try:
            with _silenced() as silenced:
                try:
                    self._object = Object(text=unit, cflags=flags)
                finally:
                    said = silenced()
        except Exception as error:
            raise SourceUnavailable(
                f"the BPF programs do not compile or load here: {error}\n{said}".rstrip(),
                "please report this message together with the output of epolltop doctor",
            ) from None
        finally:
            os.environ.pop("BCC_KERNEL_SOURCE")

    def attach(self, how: str, program: str, target: str) -> None:
        """Loads a program and attaches it.

        Args:
            how: fentry, fexit, kprobe, kretprobe, tracepoint or raw_tracepoint.
            program: name of the C function; fentry and fexit name theirs after the target.
            target: kernel function or tracepoint.

        Raises:
            AttachError: refused or absent.
        """
        bpf, name, to = self._object, program.encode(), target.encode()
        calls: dict[str, Callable[[], object]] = {
            "fentry": lambda: bpf.attach_kfunc(fn_name=b"kfunc__" + to),
            "fexit": lambda: bpf.attach_kretfunc(fn_name=b"kretfunc__" + to),
            "kprobe": lambda: bpf.attach_kprobe(event=to, fn_name=name),
            "kretprobe": lambda: bpf.attach_kretprobe(event=to, fn_name=name),
            "tracepoint": lambda: bpf.attach_tracepoint(tp=to, fn_name=name),
            "raw_tracepoint": lambda: bpf.attach_raw_tracepoint(tp=to, fn_name=name),
        }
        try:
            with _silenced():
                calls[how]()
        except Exception as error:  # BCC raises bare Exception for everything
            raise AttachError(str(error)) from None
        self._attached.append((how, target))

    def detach(self, how: str, target: str) -> None:
        """Undoes one attach."""
        bpf, to = self._object, target.encode()
        calls: dict[str, Callable[[], object]] = {
            "fentry": lambda: bpf.detach_kfunc(fn_name=to),
            "fexit": lambda: bpf.detach_kretfunc(fn_name=to),
            "kprobe": lambda: bpf.detach_kprobe(event=to),
            "kretprobe": lambda: bpf.detach_kretprobe(event=to),
            "tracepoint": lambda: bpf.detach_tracepoint(tp=to),
            "raw_tracepoint": lambda: bpf.detach_raw_tracepoint(tp=to),
        }
        calls[how]()
        self._attached.remove((how, target))

    def detach_all(self) -> None:
        """Undoes every attach: nothing fires any more. A syscall tracepoint takes some 70 ms."""
        for how, target in self._attached[:]:
            self.detach(how, target)

    def open_perf_buffer(self, name: str, receive: Callable[[bytes], object], pages: int, wakeup_events: int) -> None:
        """Makes the buffer and has `consume` hand each record's bytes to receive."""
        copy = ctypes.string_at

        def record(_cpu: int, data: int, size: int) -> None:
            receive(copy(data, size))

        # Loss is counted in BPF; without a callback libbcc prints about it.
        self._object[name.encode()].open_perf_buffer(
            record, page_cnt=pages, lost_cb=lambda _count: None, wakeup_events=wakeup_events
        )

    def consume(self) -> None:
        """Hands over what the perf buffer holds. May last while producers are quicker than Python."""
        self._object.perf_buffer_consume()

    def iterator(self, program: str) -> Callable[[], bytes]:
        """Loads and links an iterator program; the answer reads one whole pass of it.

        Raises:
            AttachError: refused (no BTF, before Linux 5.8).
        """
        lib = self._lib
        try:
            with _silenced():
                function = self._object.load_func(program.encode(), self._object.TRACING)
                lib.bcc_iter_attach.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
                lib.bcc_iter_create.argtypes = [ctypes.c_int]
                link = lib.bcc_iter_attach(function.fd, None, 0)
        except Exception as error:  # BCC raises bare Exception; AttributeError: libbcc before 0.16
            raise AttachError(str(error)) from None
        if link < 0:
            raise AttachError(f"{program}: {os.strerror(ctypes.get_errno())}")
        self._links.append(link)

        def read() -> bytes:
            descriptor = lib.bcc_iter_create(link)
            if descriptor < 0:
                raise OSError(ctypes.get_errno(), f"{program}: cannot start the iterator")
            with open(descriptor, "rb", buffering=0) as passes:
                return passes.readall() or b""

        return read

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

    def table(self, name: str, key: struct.Struct, value: struct.Struct) -> Table:
        """A hash map to read whole."""
        table = self._object[name.encode()]
        return Table(self._lib, table.map_fd, table.max_entries, key, value)

    def close(self) -> None:
        """Detaches everything, and gives back maps and buffers."""
        while self._links:  # BCC does not know of these
            os.close(self._links.pop())
        with _silenced():
            self._object.cleanup()


class Table:
    """A BPF hash map read by whole batches: 1.7 ms for 10,000 entries where entry by entry takes 45 ms."""

    def __init__(self, lib: Any, fd: int, max_entries: int, key: struct.Struct, value: struct.Struct) -> None:
        self._lib, self._fd, self._max = lib, fd, max_entries
        self._key, self._value = key, value
        self._keys = ctypes.create_string_buffer(key.size * max_entries)
        self._values = ctypes.create_string_buffer(value.size * max_entries)

    def items(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """All entries at the time of the call (Linux 5.6).

        Raises:
            OSError: the kernel refused.
        """
        count = ctypes.c_uint32(self._max)
        position = ctypes.c_uint32()
        result = self._lib.bpf_lookup_batch(
            self._fd, None, ctypes.byref(position), self._keys, self._values, ctypes.byref(count)
        )
        if result < 0 and ctypes.get_errno() != 2:  # ENOENT: the map's end was reached, which is what we want
            raise OSError(ctypes.get_errno(), "cannot read a BPF map")
        keys = memoryview(self._keys)[: count.value * self._key.size]
        values = memoryview(self._values)[: count.value * self._value.size]
        return zip(self._key.iter_unpack(keys), self._value.iter_unpack(values), strict=True)

    def delete(self, key: bytes) -> None:
        """Removes an entry if it is there."""
        self._lib.bpf_delete_elem(self._fd, ctypes.create_string_buffer(key, len(key)))


@contextlib.contextmanager
def _silenced() -> Iterator[Callable[[], str]]:
    """Sends what native code writes to descriptors 1 and 2 to a file; the yielded call reads it."""
    with tempfile.TemporaryFile() as file:
        kept = [(fd, os.dup(fd)) for fd in (1, 2) if _is_open(fd)]
        for fd, _ in kept:
            os.dup2(file.fileno(), fd)

        def read() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "backslashreplace")

        try:
            yield read
        finally:
            for fd, copy in kept:
                os.dup2(copy, fd)
                os.close(copy)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def give_back_memory() -> None:
    """Drops what compiling and attaching left: the heaps and pages of LLVM and libbpf, 80 MB in 8 ms.

    Only mappings without private copies are dropped (Anonymous: 0 in smaps); their pages come back from the file when
    they are needed again. MADV_DONTNEED on a page that was relocated would lose the relocation.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "malloc_trim"):  # glibc only
        libc.malloc_trim(0)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    dont_need = 4
    start = end = 0
    droppable = False
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as smaps:
            for line in smaps:
                first, _, rest = line.partition(" ")
                if "-" in first and not first.endswith(":"):
                    start, end = (int(part, 16) for part in first.split("-"))
                    droppable = rest[1] == "-" and any(n in rest for n in ("libLLVM", "libclang", "libbcc"))
                elif droppable and first == "Anonymous:" and rest.split()[0] == "0":
                    libc.madvise(start, end - start, dont_need)
    except OSError:
        return  # memory is only larger without
