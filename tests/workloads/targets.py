"""Watches files of every kind with one instance, and says what they are. Ends when stdin does.

The line on stdout is a JSON object: the instance, and for each number that it watches the kind and the text of the
target; an asterisk is any text. Arguments: what to make, and a directory for it.
"""

from __future__ import annotations

import ctypes
import json
import os
import pty
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

Told = dict[int, tuple[str, str]]

_libc = ctypes.CDLL(None, use_errno=True)
_IO_URING_SETUP = 425
_kept: list[object] = []


def _fd(each: socket.socket) -> int:
    _kept.append(each)
    return each.fileno()


def _host(each: tuple[str, int]) -> str:
    return f"[{each[0]}]:{each[1]}" if ":" in each[0] else f"{each[0]}:{each[1]}"


def inet(_: str) -> Told:
    told: Told = {}
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        listener, connected = socket.socket(family), socket.socket(family)
        listener.bind((host, 0))
        listener.listen(7)
        connected.connect(listener.getsockname())
        accepted, _peer = listener.accept()
        connected.send(b"abc")
        here, there = _host(listener.getsockname()[:2]), _host(connected.getsockname()[:2])
        told |= {
            _fd(listener): ("tcp", here),
            _fd(connected): ("tcp", f"{there} → {here}"),
            _fd(accepted): ("tcp", f"{here} ← {there}"),
        }
        one, other = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        one.bind((host, 0))
        other.connect(one.getsockname())
        told |= {
            _fd(one): ("udp", _host(one.getsockname()[:2])),
            _fd(other): ("udp", f"{_host(other.getsockname()[:2])} → {_host(one.getsockname()[:2])}"),
        }
    unconnected = socket.socket()
    told[_fd(unconnected)] = ("tcp", f"socket:[{os.fstat(unconnected.fileno()).st_ino}]")
    return told


def unix(directory: str) -> Told:
    told: Told = {}
    me = f"{Path('/proc/self/comm').read_text().strip()} {os.getpid()}"
    path = f"{directory}/a\n\x1b[31m\udcff socket"
    word = os.urandom(8).hex()
    for address, name in (
        (path, f"{directory}/a\\x0a\\x1b[31m\\xff socket"),
        (f"\0{word}\0\n\udcff", f"@{word}\\x00\\x0a\\xff"),
    ):
        listener, connected = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        listener.bind(os.fsencode(address))
        listener.listen(3)
        connected.connect(os.fsencode(address))
        accepted, _ = listener.accept()
        connected.send(b"abc")
        told |= {
            _fd(listener): ("unix", name),
            _fd(connected): ("unix", f"→ {name} {me}/{accepted.fileno()}"),
            _fd(accepted): ("unix", f"{name} ↔ {me}/{connected.fileno()}"),
        }
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        for this, far in ((one, other), (other, one)):
            told[_fd(this)] = ("unix", f"socket:[{os.fstat(this.fileno()).st_ino}] ↔ {me}/{far.fileno()}")
    return told


def netlink(_: str) -> Told:
    bound = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    bound.bind((0, 1))
    return {_fd(bound): ("netlink", "ROUTE")}


def pipes(directory: str) -> Told:
    read, write = os.pipe()
    os.mkfifo(f"{directory}/fifo")
    fifo = os.open(f"{directory}/fifo", os.O_RDWR)
    me = f"{Path('/proc/self/comm').read_text().strip()} {os.getpid()}"
    link = f"pipe:[{os.fstat(read).st_ino}]"
    return {
        read: ("pipe", f"{link} ← {me}/{write}"),
        write: ("pipe", f"{link} → {me}/{read}"),
        fifo: ("fifo", f"{directory}/fifo"),
    }


def anonymous(directory: str) -> Told:
    timer = _libc.timerfd_create(time.CLOCK_MONOTONIC, 0)
    _libc.timerfd_settime(timer, 0, struct.pack("qqqq", 90, 0, 3600, 0), None)
    mask = sum(1 << number - 1 for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGRTMIN + 3))
    signals = _libc.signalfd(-1, struct.pack("Q", mask), 0)
    inotify = _libc.inotify_init1(0)
    watched = f"{directory}/watched\n"
    os.mkdir(watched)
    _libc.inotify_add_watch(inotify, watched.encode(), 0x100)
    _libc.inotify_add_watch(inotify, directory.encode(), 0x100)
    nested = select.epoll()
    _kept.append(nested)
    nested.register(0)
    ring = _libc.syscall(_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
    fanotify = _libc.fanotify_init(0, 0)
    told: Told = {
        _libc.eventfd(5, 0): ("eventfd", "count 5"),
        timer: ("timerfd", "every 1m30s"),
        signals: ("signalfd", "SIGTERM SIGCHLD SIGRTMIN+3"),
        inotify: ("inotify", "*"),
        nested.fileno(): ("epoll", "eventpoll"),
    }
    if hasattr(os, "pidfd_open"):
        name = Path("/proc/self/comm").read_text().strip()
        told[os.pidfd_open(os.getpid())] = ("pidfd", f"{name} {os.getpid()}")
    return (
        told
        | ({ring: ("io_uring", "io_uring")} if ring >= 0 else {})
        | ({fanotify: ("fanotify", "fanotify")} if fanotify >= 0 else {})
    )


def devices(_: str) -> Told:
    above, below = pty.openpty()
    return {
        above: ("tty", os.readlink(f"/proc/self/fd/{above}")),
        below: ("tty", os.ttyname(below)),
        os.open("/dev/random", os.O_RDONLY): ("device", "/dev/random"),
        os.open("/proc/self/mounts", os.O_RDONLY): ("file", f"/proc/{os.getpid()}/mounts"),
    }


def long_path(directory: str) -> Told:
    """A path of all but 4,096 bytes."""
    whole = directory
    os.chdir(directory)
    while len(whole) < 3800:
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
        whole += "/" + "d" * 250
    last = "f" * (4095 - len(whole) - 1)
    last = last[:255]
    os.mkfifo(last)
    return {os.open(last, os.O_RDWR): ("fifo", f"{whole}/{last}")}


MAKERS: dict[str, Callable[[str], Told]] = {
    maker.__name__: maker for maker in (inet, unix, netlink, pipes, anonymous, devices, long_path)
}


def main(which: str, directory: str) -> None:
    told = MAKERS[which](directory)
    instance = select.epoll()
    for fd in told:
        instance.register(fd, select.EPOLLIN | select.EPOLLET)
    sys.stdout.write(json.dumps({"pid": os.getpid(), "instance": instance.fileno(), "told": told}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
