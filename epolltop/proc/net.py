"""/proc/PID/net: the sockets of a process' network namespace.

It says less than sock_diag(7) and takes longer, but asks for no right to enter the namespace. The names of Unix sockets
are not read from it: a name may contain line breaks, and so look like the line of another socket.

Format: proc_pid_net(5).
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator, Set

from epolltop.model.socket import LISTENING, SOCKETS_MAX, Address, NamespaceSockets, Socket
from epolltop.model.watch import TargetKind
from epolltop.own_process.pace import Deadline
from epolltop.proc.reading import whole_lines

_INET_BYTES_MAX = 200 * SOCKETS_MAX
_NETLINK_BYTES_MAX = 4 << 20
_INET_FILES = {
    "tcp": TargetKind.TCP,
    "tcp6": TargetKind.TCP,
    "udp": TargetKind.UDP,
    "udp6": TargetKind.UDP,
}
_INET = re.compile(
    rb"^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8})"
    rb" \S+ \S+ +\d+ +\d+ (\d+)",
    re.MULTILINE,
)
_NETLINK = re.compile(rb"^[0-9a-f]+ +(\d+) +-?\d+ +[0-9a-f]+ .* (\d+) *$", re.MULTILINE)
_NETLINK_PROTOCOLS = {
    0: "ROUTE",
    2: "USERSOCK",
    3: "FIREWALL",
    4: "SOCK_DIAG",
    5: "NFLOG",
    6: "XFRM",
    7: "SELINUX",
    8: "ISCSI",
    9: "AUDIT",
    10: "FIB_LOOKUP",
    11: "CONNECTOR",
    12: "NETFILTER",
    13: "IP6_FW",
    14: "DNRTMSG",
    15: "KOBJECT_UEVENT",
    16: "GENERIC",
    18: "SCSITRANSPORT",
    19: "ECRYPTFS",
    20: "RDMA",
    21: "CRYPTO",
    22: "SMC",
}
"""Of include/uapi/linux/netlink.h, without NETLINK_."""


def inet_sockets(root: str, pid: int, wanted: Set[int], deadline: Deadline) -> NamespaceSockets:
    """The TCP and UDP sockets with these inodes, and all that listen.

    What cannot be read is left out, and the answer is not complete.
    """
    found: dict[int, Socket] = {}
    complete = True
    for name, kind in _INET_FILES.items():
        try:
            for lines in whole_lines(f"{root}/{pid}/net/{name}", _INET_BYTES_MAX, deadline):
                found |= {inode: each for inode, each in _inet(kind, lines) if inode in wanted or _listens(each)}
        except FileNotFoundError:  # no IPv6, or the process is gone
            continue
        except OSError:
            complete = False
    listeners = frozenset(each.local for each in found.values() if _listens(each) and each.local)
    return NamespaceSockets(found, listeners, complete)


def netlink_sockets(root: str, pid: int, wanted: Set[int], deadline: Deadline) -> dict[int, Socket]:
    """The netlink sockets with these inodes, as far as they can be read."""
    found: dict[int, Socket] = {}
    try:
        for lines in whole_lines(f"{root}/{pid}/net/netlink", _NETLINK_BYTES_MAX, deadline):
            for protocol, inode in ((int(protocol), int(inode)) for protocol, inode in _NETLINK.findall(lines)):
                if inode in wanted:
                    name = _NETLINK_PROTOCOLS.get(protocol, str(protocol))
                    found[inode] = Socket(TargetKind.NETLINK, 0, protocol=name)
    except OSError:
        return found
    return found


def _inet(kind: TargetKind, lines: bytes) -> Iterator[tuple[int, Socket]]:
    for local, local_port, remote, remote_port, state, outgoing, incoming, inode in _INET.findall(lines):
        far = Address(_host(remote), int(remote_port, 16))
        listens = int(state, 16) == LISTENING
        yield (
            int(inode),
            Socket(
                kind,
                int(state, 16),
                Address(_host(local), int(local_port, 16)),
                far if far.port else None,
                incoming=int(incoming, 16),
                outgoing=None if listens else int(outgoing, 16),  # it does not say how many may wait
            ),
        )


def _listens(each: Socket) -> bool:
    return each.state == LISTENING


def _host(words: bytes) -> str:
    """From 32-bit words, each printed as a number of this machine."""
    numbers = (int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    packed = b"".join(numbers)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
