"""The sockets that interest lists need, with one question for each network namespace."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from epolltop.model.socket import NamespaceSockets
from epolltop.own_process.pace import Deadline
from epolltop.proc.net import inet_sockets, netlink_sockets
from epolltop.proc.ns import network_namespace, open_network_namespace, own_network_namespace

ByNetlink = Callable[[int | None, Set[int], Deadline], NamespaceSockets]
"""`sock_diag.sockets_in`, or a stand-in that raises the same errors."""


def by_netlink() -> ByNetlink:
    """Imports pyroute2: 0.15 s and 24 MB at the first call, and far longer on a busy machine.

    Raises:
        ImportError: it is not installed.
    """
    from epolltop.netlink import sock_diag

    return sock_diag.sockets_in


def sockets_of(
    root: str, wanted: Iterable[tuple[int, Set[int]]], within_s: float, load: Callable[[], ByNetlink] = by_netlink
) -> dict[int, NamespaceSockets]:
    """Finds sockets in the namespaces of processes; they may be of others, if they were passed on.

    Args:
        root: of the /proc tree.
        wanted: processes, and inodes of sockets that each has open.
        within_s: time for asking, once it is known how.
        load: how.

    Returns:
        By process, as far as they were found.
    """
    members: dict[str, list[int]] = {}
    inodes: dict[str, set[int]] = {}
    for pid, its in wanted:
        if its:
            namespace = _namespace(root, pid)
            members.setdefault(namespace, []).append(pid)
            inodes.setdefault(namespace, set()).update(its)
    if not members:
        return {}
    ask = _loaded(load)
    deadline = Deadline(within_s)
    found: dict[int, NamespaceSockets] = {}
    for namespace, pids in members.items():
        its = inodes[namespace]
        try:
            if namespace == own_network_namespace():
                known = ask(None, its, deadline)
            else:
                known = _ask_in(root, pids[0], its, deadline, ask)
        except OSError:
            known = inet_sockets(root, pids[0], its, deadline)
        rest = its - known.by_inode.keys()
        by_inode = {**known.by_inode, **netlink_sockets(root, pids[0], rest, deadline)}
        found |= dict.fromkeys(pids, replace(known, by_inode=by_inode))
    return found


def _loaded(load: Callable[[], ByNetlink]) -> ByNetlink:
    try:
        return load()
    except ImportError:
        return _not_installed


def _not_installed(namespace: int | None, wanted: Set[int], deadline: Deadline) -> NamespaceSockets:
    raise OSError(errno.ENOSYS, "pyroute2 is not installed")


def _namespace(root: str, pid: int) -> str:
    try:
        return network_namespace(root, pid)
    except OSError:
        return f"of {pid}"


def _ask_in(root: str, pid: int, wanted: Set[int], deadline: Deadline, ask: ByNetlink) -> NamespaceSockets:
    namespace = open_network_namespace(root, pid)
    try:
        return ask(namespace, wanted, deadline)
    finally:
        os.close(namespace)
