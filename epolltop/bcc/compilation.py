"""The compilation of bpf/*.c.

libbcc prints to descriptors 1 and 2, may close 0, looks for headers in the working directory before all others, and
changes that directory while it compiles: all of this is contained here.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from epolltop.bcc.printed_errno import number_in
from epolltop.errors import SourceUnavailable
from epolltop.own_process.descriptors import is_open, silenced


def compiled(bcc: Any, defines: Mapping[str, int], units: Iterable[str]) -> Any:
    """A BPF object of BCC with its maps, and its programs not loaded yet.

    Args:
        bcc: its Python module.
        defines: macros by name.
        units: files of bpf/. They become one translation unit, in this order: BCC rewrites map accesses in its main
            file, not in included ones.

    Raises:
        SourceUnavailable: the compiler refused, or the kernel refused the maps.
    """
    directory = bpf_directory()
    unit = b"\n".join(b'#line 1 "%s"\n%s' % (name.encode(), (directory / name).read_bytes()) for name in units)
    flags = ["-w", f"-I{directory}", *(f"-D{name}={value}" for name, value in defines.items())]

    class Object(bcc.BPF):  # type: ignore[misc]
        def _trace_autoload(self) -> None:
            """BCC would attach all functions named kfunc__* at once, or none. Ladders decide instead."""

    if not is_open(0):
        # Otherwise a descriptor of ours becomes 0, and libbcc closes it: see silenced.
        os.open(os.devnull, os.O_RDONLY)
    said = ""
    os.environ["BCC_KERNEL_SOURCE"] = str(directory / "stub-headers")
    try:
        with _inside(directory), silenced() as printed:
            try:
                return Object(text=unit, cflags=flags)
            finally:
                said = printed()
    except Exception as error:
        said = f"{error}\n{said}".rstrip()
        raise SourceUnavailable("programs", {"call": "bpf", "said": said}, number=number_in(said)) from None
    finally:
        os.environ.pop("BCC_KERNEL_SOURCE")


def bpf_directory() -> Path:
    """Where the C sources are: inside the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("epolltop")))
    installed = package / "bpf"
    return installed if installed.is_dir() else package.parent / "bpf"


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Changes the working directory of all threads. Returns by descriptor: the former one may have no path."""
    former = os.open(os.curdir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir(directory)
        try:
            yield
        finally:
            os.fchdir(former)
    finally:
        os.close(former)
