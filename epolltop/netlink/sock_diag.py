"""The sockets of a network namespace by sock_diag(7): one dump for each family, in which sockets are found by inode.

pyroute2 knows the layout of requests and answers. Its own socket is not used: it starts an event loop, which is an
epoll instance, holds all answers at once (4 KB and 60 µs a socket), waits without end, and takes a refusal for a
socket. Here the inode of each socket is looked at, 1 µs, and only those that are wanted are decoded.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Set
from contextlib import closing

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from pyroute2.netlink.diag import (
    SOCK_DIAG_BY_FAMILY,
    SS_ALL,
    UDIAG_SHOW_NAME,
    UDIAG_SHOW_PEER,
    UDIAG_SHOW_RQLEN,
    inet_diag_msg,
    inet_diag_req,
    unix_diag_msg,
    unix_diag_req,
)

from epolltop.model.socket import LISTENING, SOCKETS_MAX, Address, NamespaceSockets, Socket
from epolltop.model.watch import TargetKind
from epolltop.own_process.pace import Deadline

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_CLONE_NEWNET = 0x40000000
_ANSWER_BYTES = 1 << 17
_PATIENCE_S = 0.2
"""For one answer: the kernel gives it while it is asked."""
_HEADER = struct.Struct("=IHHII")
_ERROR = struct.Struct("=i")
# Offsets in a message: the state is the second byte of the body in both families.
_STATE, _INET_INODE, _UNIX_INODE = 17, 84, 20
_INODE = struct.Struct("=I")
_INET_BYTES = 88
"""Header and body, in front of the attributes."""
_ATTRIBUTE = struct.Struct("=HH")
_INFO = 2  # INET_DIAG_INFO: struct tcp_info of include/uapi/linux/tcp.h
_STREAM = struct.Struct("=QQ")
_STREAM_AT = 120
"""In it: bytes that the peer acknowledged, and that were received (Linux 4.1)."""
_INET = (
    (TargetKind.TCP, socket.AF_INET, socket.IPPROTO_TCP),
    (TargetKind.TCP, socket.AF_INET6, socket.IPPROTO_TCP),
    (TargetKind.UDP, socket.AF_INET, socket.IPPROTO_UDP),
    (TargetKind.UDP, socket.AF_INET6, socket.IPPROTO_UDP),
)


class _InetAnswer(inet_diag_msg):  # type: ignore[misc]
    """Without attributes, which are most of the work."""

    nla_map = ()


class _UnixAnswer(unix_diag_msg):  # type: ignore[misc]
    """With the name as it is: the NUL at its beginning tells an abstract address from a path."""

    nla_map = tuple((name, "cdata" if name == "UNIX_DIAG_NAME" else form) for name, form in unix_diag_msg.nla_map)


def sockets_in(namespace: int | None, wanted: Set[int], deadline: Deadline) -> NamespaceSockets:
    """Asks for sockets by inode, and for the names of those at the other end of Unix sockets.

    Args:
        namespace: a descriptor for it; None for our own, which takes no rights.
        wanted: inodes.
        deadline: after which no further answer is read.

    Raises:
        OSError: the kernel refuses the namespace (EPERM without CAP_SYS_ADMIN), or to answer.
    """
    found: dict[int, Socket] = {}
    ends: dict[int, bytes] = {}
    complete = True
    with closing(_socket_in(namespace)) as channel:
        channel.settimeout(_PATIENCE_S)
        try:
            left = SOCKETS_MAX
            for kind, family, protocol in _INET:
                for message in _answers(channel, _inet_request(family, protocol), deadline):
                    left = _one_less(left)
                    (inode,) = _INODE.unpack_from(message, _INET_INODE)
                    if inode in wanted or message[_STATE] == LISTENING:
                        found[inode] = _inet(kind, message)
            for message in _answers(channel, _unix_request(), deadline):
                left = _one_less(left)
                ends[_INODE.unpack_from(message, _UNIX_INODE)[0]] = message
        except TimeoutError:
            complete = False
    complete &= _add(found, wanted, ends, deadline)
    complete &= _add(found, {each.peer for each in found.values()}, ends, deadline)
    listeners = frozenset(each.local for each in found.values() if each.state == LISTENING and each.local)
    return NamespaceSockets(found, listeners, complete)


def _add(found: dict[int, Socket], wanted: Set[int], ends: Mapping[int, bytes], deadline: Deadline) -> bool:
    """Adds Unix sockets by their inodes; whether there was time for all of them."""
    for inode in (wanted & ends.keys()) - found.keys():
        if deadline.is_over:
            return False
        found[inode] = _unix(ends[inode])
    return True


def _one_less(left: int) -> int:
    if not left:
        raise TimeoutError
    return left - 1


def _socket_in(namespace: int | None) -> socket.socket:
    """A netlink socket stays in the namespace in which it was made: a thread enters it for no longer than that."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            if namespace is not None:
                _enter(namespace)
            made.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG))
        except OSError as error:
            failed.append(error)

    if namespace is None:
        make()
    else:
        thread = threading.Thread(target=make, name="namespace")
        thread.start()
        thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is new in Python 3.12
    if libc.setns(namespace, _CLONE_NEWNET) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _answers(channel: socket.socket, request: bytes, deadline: Deadline) -> Iterator[bytes]:
    """The messages that answer a request, each with its header.

    Raises:
        TimeoutError: there is no time left.
        OSError: the kernel refuses.
    """
    channel.send(request)
    while True:
        deadline.require()
        answer, _, flags, _ = channel.recvmsg(_ANSWER_BYTES)
        if flags & socket.MSG_TRUNC or not answer:
            raise OSError(errno.EMSGSIZE, "sock_diag")
        at = 0
        while at + _HEADER.size <= len(answer):
            length, kind, *_ = _HEADER.unpack_from(answer, at)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                code = -_ERROR.unpack_from(answer, at + _HEADER.size)[0]
                raise OSError(code, os.strerror(code))
            yield answer[at : at + length]
            at += max(length + 3 & ~3, _HEADER.size)


def _inet_request(family: int, protocol: int) -> bytes:
    request = inet_diag_req()
    request["sdiag_family"], request["sdiag_protocol"], request["idiag_states"] = family, protocol, SS_ALL
    if protocol == socket.IPPROTO_TCP:
        request["idiag_ext"] = 1 << _INFO - 1
    return _encoded(request)


def _unix_request() -> bytes:
    request = unix_diag_req()
    request["sdiag_family"], request["udiag_states"] = socket.AF_UNIX, SS_ALL
    request["udiag_show"] = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN
    return _encoded(request)


def _encoded(request: inet_diag_req | unix_diag_req) -> bytes:
    request["header"]["type"] = SOCK_DIAG_BY_FAMILY
    request["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
    request.encode()
    return bytes(request.data)


def _inet(kind: TargetKind, message: bytes) -> Socket:
    told = _InetAnswer(message)
    told.decode()
    local = Address(told["idiag_src"], told["idiag_sport"])
    remote = Address(told["idiag_dst"], told["idiag_dport"])
    unread, unsent, streamed = told["idiag_rqueue"], told["idiag_wqueue"], _streamed(message)
    return Socket(
        kind,
        told["idiag_state"],
        local,
        remote if remote.port else None,
        incoming=unread,
        outgoing=unsent,
        # The end of a stream counts as a byte of it in the queues alone.
        read=max(0, streamed[1] - unread) if streamed else None,
        written=streamed[0] + unsent if streamed else None,
    )


def _streamed(message: bytes) -> tuple[int, int] | None:
    """Bytes acknowledged and received, if it is a connection of TCP and the kernel tells."""
    at = _INET_BYTES
    while message[_STATE] != LISTENING and at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == _INFO and length >= _ATTRIBUTE.size + _STREAM_AT + _STREAM.size:
            acknowledged, received = _STREAM.unpack_from(message, at + _ATTRIBUTE.size + _STREAM_AT)
            return acknowledged, received
        at += max(length + 3 & ~3, _ATTRIBUTE.size)
    return None


def _unix(message: bytes) -> Socket:
    told = _UnixAnswer(message)
    told.decode()
    attributes = {each[0]: each[1] for each in told["attrs"]}  # get_attr decodes all of them each time
    name = attributes.get("UNIX_DIAG_NAME", b"")
    queues = attributes.get("UNIX_DIAG_RQLEN", {})
    return Socket(
        TargetKind.UNIX,
        told["udiag_state"],
        name=name if name.startswith(b"\0") else name.rstrip(b"\0"),
        incoming=queues.get("udiag_rqueue"),
        # Of a connection it is memory, some hundred times the bytes that were sent.
        outgoing=queues.get("udiag_wqueue") if told["udiag_state"] == LISTENING else None,
        peer=attributes.get("UNIX_DIAG_PEER", 0),
    )
