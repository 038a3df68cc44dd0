"""Each outside thing has one owner in the package, by its text and at run time."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "epolltop"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}

NAMES_PROC = {
    "own_process/descriptors.py": "/proc/self/fd/N is not read: it is a descriptor in hand, for calls that want a path",
    "argument_types.py": "/proc/self/fd/1 is not opened: it is a name by which users mean stdout",
    "sources/proc_source.py": "the root of the tree, handed to proc/",
}
"""Modules outside proc/ that may have a path of /proc, and why."""
CALLS_C = {
    "proc/kcmp.py": "kcmp(2), which no library wraps",
    "proc/file_type.py": "statx(2), which Python does not wrap before 3.15",
    "proc/cached_paths.py": "openat2(2), and calls by number that return a descriptor",
    "proc/inode_paths.py": "the handle of open_by_handle_at(2)",
    "netlink/sock_diag.py": "setns(2), which Python does not wrap before 3.12",
    "own_process/privileges.py": "capget(2), capset(2) and prctl(2)",
    "own_process/invoker.py": "setfsuid(2), setfsgid(2) and setgroups(2) of a single thread",
    "own_process/heap.py": "mallopt(3)",
}
"""Modules outside bcc/ that may load ctypes, and why."""
CALIBRATES = re.compile(r"sources/bpf/")
"""May call the C library's epoll_create1 with an argument that Python's own refuses."""


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def room(module: str) -> str:
    return module.partition("/")[0]


def texts(tree: ast.Module) -> Iterator[str]:
    """String constants but for docstrings; what an f-string fills in is a zero."""
    said = {
        id(node.value)
        for block in ast.walk(tree)
        if isinstance(body := getattr(block, "body", None), list)
        for node in body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in said:
            value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(value, str):
                yield value


def paths_of_proc(tree: ast.Module) -> list[str]:
    """Text that begins with a blankless /proc is a path; other text may speak of /proc."""
    return [text for text in texts(tree) if re.fullmatch(r"/proc(/\S*)?", text)]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_paths_are_found_in_text() -> None:
    tree = ast.parse(
        '"""/proc/1"""\nopen(f"/proc/{pid}/stat")\nPath("/proc")\nopen(b"/proc/self/maps")\nsay("/proc is gone")'
    )
    assert sorted(paths_of_proc(tree)) == ["/proc", "/proc/0/stat", "/proc/self/maps"]


def test_only_proc_has_paths_of_proc() -> None:
    found = {module: paths_of_proc(parsed(module)) for module in MODULES if room(module) != "proc"}
    assert {module for module, paths in found.items() if paths} == set(NAMES_PROC), found


def test_each_file_of_proc_is_read_by_one_module() -> None:
    """By the last part of its path that is no number; a thread's descriptors are those of a process."""
    readers: dict[str, set[str]] = {}
    for module in (module for module in MODULES if room(module) == "proc"):
        for text in texts(parsed(module)):
            if found := re.fullmatch(r"(?:/proc|0)/(?:self|0|1)/([a-z_]+)(?:/\S*)?", text):
                readers.setdefault(found[1], set()).add(module)
    assert {"stat", "status", "fdinfo", "maps"} <= readers.keys()
    assert {file: modules for file, modules in readers.items() if len(modules) > 1 and file != "fd"} == {}
    assert readers["fd"] == {"proc/fd.py", "proc/process_facts.py"}, (
        "the number of descriptors is that of the directory"
    )


def test_only_netlink_knows_pyroute2() -> None:
    users = {module for module in MODULES if any(name.startswith("pyroute2") for name in imported(parsed(module)))}
    assert {room(module) for module in users} == {"netlink"}


def test_only_bcc_calls_the_kernel_about_bpf() -> None:
    outside = [module for module in MODULES if room(module) != "bcc"]
    users = {module for module in outside if "ctypes" in imported(parsed(module)) and not CALIBRATES.match(module)}
    assert users == set(CALLS_C)
    of_libbcc = re.compile(r"(bcc|bpf|perf_reader|perf_event)_\w+|attach_(k|u|raw_|trace)\w+")
    names = {
        module: [
            node.attr
            for node in ast.walk(parsed(module))
            if isinstance(node, ast.Attribute) and of_libbcc.fullmatch(node.attr)
        ]
        for module in outside
    }
    assert {module: found for module, found in names.items() if found} == {}
    assert [module for module in MODULES if "bcc" in imported(parsed(module))] == [], "bcc/loader.py finds it by path"


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a run of epolltop has in the end."""
    code = (
        "import json, sys\nfrom epolltop.cli import main\ncode = main(sys.argv[1:])\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))\nsys.exit(code)"
    )
    done = subprocess.run(
        (sys.executable, "-c", code, *arguments), capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr[done.stderr.index("[") :]))


def of(modules: Iterable[str], *names: str) -> list[str]:
    return [
        module
        for module in sorted(modules)
        if module.startswith(tuple(f"{name}." for name in names)) or module in names
    ]


def test_reading_proc_loads_no_bcc() -> None:
    loaded = loaded_by("snapshot", "--source", "proc", "-d", "0")
    assert "epolltop.proc.scan" in loaded
    assert of(loaded, "bcc", "epolltop.bcc", "epolltop.sources.bpf", "pyroute2", "textual") == []


@pytest.mark.parametrize("file", ["ticks.rec", "snapshot.json"])
def test_opening_a_file_loads_nothing_that_looks_at_this_machine(file: str) -> None:
    loaded = loaded_by("replay", str(ROOT / "tests" / "earlier" / file), "snapshot")
    assert "epolltop.session.replay" in loaded
    assert of(loaded, "bcc", "epolltop.bcc", "epolltop.proc", "epolltop.sources.bpf", "pyroute2", "textual") == []
