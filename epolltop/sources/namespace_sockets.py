"""The sockets that interest lists need, with one question for each network namespace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from epolltop.model.socket import NamespaceSockets
from epolltop.own_process.pace import Deadline
from epolltop.proc.net import inet_sockets, netlink_sockets
from epolltop.proc.ns import network_namespace, open_network_namespace, own_network_namespace

ByNetlink = Callable[[int | None, Set[int], Deadline], NamespaceSockets]
"""`sockets_by_netlink`, or a stand-in that raises the same errors."""


def sockets_by_netlink(namespace: int | None, wanted: Set[int], deadline: Deadline) -> NamespaceSockets:
    """Imports pyroute2, with 0.15 s and 24 MB, and asks; see there."""
    from epolltop.netlink import sock_diag

    return sock_diag.sockets_in(namespace, wanted, deadline)


def sockets_of(
    root: str, wanted: Iterable[tuple[int, Set[int]]], deadline: Deadline, ask: ByNetlink = sockets_by_netlink
) -> dict[int, NamespaceSockets]:
    """Finds sockets in the namespaces of processes; they may be of others, if they were passed on.

    Args:
        root: of the /proc tree.
        wanted: processes, and inodes of sockets that each has open.
        deadline: for asking.
        ask: how.

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
    found: dict[int, NamespaceSockets] = {}
    for namespace, pids in members.items():
        its = inodes[namespace]
        try:
            if namespace == own_network_namespace():
                known = ask(None, its, deadline)
            else:
                known = _ask_in(root, pids[0], its, deadline, ask)
        except (OSError, ImportError):
            known = inet_sockets(root, pids[0], its, deadline)
        rest = its - known.by_inode.keys()
        by_inode = {**known.by_inode, **netlink_sockets(root, pids[0], rest, deadline)}
        found |= dict.fromkeys(pids, replace(known, by_inode=by_inode))
    return found


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
