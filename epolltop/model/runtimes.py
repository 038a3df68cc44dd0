"""The runtimes of event loops, and what tells them apart: signs in the code of a process, and how its threads wait.

Signs are names of files and of sections: a program chooses them, as it chooses how it waits. They tell what an honest
program runs on; a program that wants to pass for another can.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from typing import Literal, NamedTuple, TypeAlias

from epolltop.model.loop_activity import Turn, WaitCall

CodePart: TypeAlias = Literal["executable", "library", "section"]

_WAIT, _PWAIT, _PWAIT2 = WaitCall.EPOLL_WAIT, WaitCall.EPOLL_PWAIT, WaitCall.EPOLL_PWAIT2
_WITHOUT_EPOLL_WAIT = frozenset(("aarch64", "loongarch64", "riscv64"))
"""Machines without that call: the C library makes an epoll_pwait of it."""


class Sign(NamedTuple):
    """A name in the code of a process."""

    place: CodePart
    """The file that it executes, a file with code that it has mapped, or a section of the former."""
    pattern: str
    """Of the last part of a path or, where it has a slash, of the last two; as shells have patterns."""


class MaxEvents(NamedTuple):
    """What a runtime asks for as the most events of a wait."""

    text: str
    """For people."""
    usual: int | None
    """That by which it is recognised without a sign; None: anything."""
    fits: Callable[[int], bool]
    """Whether it may ask for that many."""


class Fingerprint(NamedTuple):
    """A runtime, and what it is recognised by."""

    name: str
    what: str
    """For people who do not know it."""
    signs: tuple[Sign, ...]
    """Any of them will do."""
    calls: tuple[WaitCall, ...]
    """By which its threads wait, the usual one first."""
    maxevents: MaxEvents
    always_signed: bool = False
    """Code that could be read, and has none of the signs, is not its."""


class Runtime(NamedTuple):
    """What the event loops of a process run on."""

    name: str
    certain: bool
    """Its code has a sign of it, and it waits as that does; else only one of these."""


def _exactly(number: int) -> MaxEvents:
    return MaxEvents(f"{number}", number, number.__eq__)


def _doubling(least: int) -> MaxEvents:
    steps = frozenset(least << step for step in range(16))
    return MaxEvents(f"{least}, doubled when that many came", least, steps.__contains__)


def _growing(least: int) -> MaxEvents:
    return MaxEvents(f"{least}, more when that many came", least, least.__le__)


def _executable(*patterns: str) -> tuple[Sign, ...]:
    return tuple(Sign("executable", pattern) for pattern in patterns)


def _library(*patterns: str) -> tuple[Sign, ...]:
    return tuple(Sign("library", pattern) for pattern in patterns)


_OF_LIBUV = _exactly(1024)
_DEFAULT = 1023
"""What select.epoll.poll() asks for if the caller does not say: FD_SETSIZE - 1."""

FINGERPRINTS: tuple[Fingerprint, ...] = (
    Fingerprint("nginx", "nginx and its kin, with `epoll_events` as it is", _executable("nginx", "angie", "openresty"),
                (_WAIT,), _exactly(512)),
    Fingerprint("redis", "ae, the event loop of Redis and Valkey",
                _executable("redis-server", "redis-sentinel", "redis-check-*", "valkey-server", "valkey-check-*"),
                (_WAIT, _PWAIT2), MaxEvents("`maxclients` + 128, so 10128", 10128, (128).__lt__)),
    Fingerprint("haproxy", "HAProxy, with `tune.maxpollevents` as it is", _executable("haproxy"), (_WAIT,),
                _exactly(200)),
    Fingerprint("envoy", "Envoy, which has libevent inside", _executable("envoy"), (_WAIT, _PWAIT2), _doubling(32),
                always_signed=True),
    Fingerprint("node", "Node.js, on its own libuv", _executable("node", "nodejs"), (_PWAIT,), _OF_LIBUV,
                always_signed=True),
    Fingerprint("uvloop", "uvloop, an asyncio loop on libuv", _library("uvloop/loop.*.so"), (_PWAIT,), _OF_LIBUV,
                always_signed=True),
    Fingerprint("netty", "Netty's native transport", _library("libnetty_transport_native_epoll*.so"), (_WAIT, _PWAIT2),
                _doubling(4096), always_signed=True),
    Fingerprint("java-nio", "selectors of java.nio", _library("libnio.so"), (_WAIT,),
                MaxEvents("1024, or the limit of descriptors if that is lower", 1024, (1024).__ge__),
                always_signed=True),
    Fingerprint("go", "the runtime of Go",
                tuple(Sign("section", name) for name in (".go.buildinfo", ".note.go.buildid", ".gopclntab",
                                                         ".data.rel.ro.gopclntab")),
                (_PWAIT,), _exactly(128)),
    Fingerprint("libuv", "libuv", _library("libuv.so*", "libuv/_corecffi*.so"), (_PWAIT,), _OF_LIBUV),
    Fingerprint("libevent", "libevent", _library("libevent-*.so*", "libevent.so*", "libevent_core*.so*"),
                (_WAIT, _PWAIT2), _doubling(32)),
    Fingerprint("libev", "libev", _library("libev.so*", "libev/corecext*.so", "nio4r_ext.so"), (_WAIT,), _growing(64)),
    Fingerprint("sd-event", "the event loop of systemd's programs", _library("libsystemd-shared-*.so"),
                (_WAIT, _PWAIT2), MaxEvents("the number of its event sources", None, (0).__lt__)),
    Fingerprint("asyncio", "Python's asyncio", _library("_asyncio.*.so"), (_WAIT,),
                MaxEvents("the number of registered descriptors", None, lambda asked: asked not in (_DEFAULT, 1024))),
    Fingerprint("select.epoll", "Python's select.epoll, without a loop of the library",
                (*_executable("python", "python[23]*"), *_library("libpython*.so*")), (_WAIT,), _exactly(_DEFAULT)),
    Fingerprint("tokio", "tokio, on mio", (), (_WAIT,), _exactly(1024)),
)  # fmt: skip
"""What stands first has precedence: who embeds another stands before it."""

_BY_NAME = {each.name: each for each in FINGERPRINTS}


@functools.cache
def _pattern(place: CodePart) -> re.Pattern[str]:
    """Of all signs at such a place, a group for each runtime."""
    signs = (
        (number, "|".join(translate(sign.pattern) for sign in each.signs if sign.place == place))
        for number, each in enumerate(FINGERPRINTS)
    )
    return re.compile("|".join(f"(?P<r{number}>{pattern})" for number, pattern in signs if pattern))


def signs_of(executable: str, libraries: Iterable[str] = (), sections: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of the runtimes that the code of a process has a sign of, in the order of FINGERPRINTS.

    Args:
        executable: path of the file that it executes.
        libraries: paths of files with code that it has mapped.
        sections: names of sections of the former.
    """
    found = {
        *_found("executable", (executable.rpartition("/")[2],)),
        *_found("library", (tail for path in libraries for tail in _tails(path))),
        *_found("section", sections),
    }
    return tuple(each.name for number, each in enumerate(FINGERPRINTS) if number in found)


def _tails(path: str) -> tuple[str, str]:
    before, _, name = path.rpartition("/")
    return name, f"{before.rpartition('/')[2]}/{name}"


def _found(place: CodePart, names: Iterable[str]) -> set[int]:
    matches = map(_pattern(place).match, names)
    return {int(match.lastgroup[1:]) for match in matches if match and match.lastgroup}


def recognised(signs: Sequence[str] | None, turn: Turn | None, machine: str) -> Runtime | None:
    """The runtime of a loop; None if it is none of these, or several wait in the same way.

    Args:
        signs: of its process, as `signs_of` answers; None if its code could not be read.
        turn: of its thread; None if it is not known.
        machine: as uname(2) calls it.
    """
    return _recognised(tuple(signs) if signs is not None else None, *_asked(turn), machine)


def _asked(turn: Turn | None) -> tuple[WaitCall, int]:
    return (turn.call, turn.maxevents) if turn else (WaitCall.UNKNOWN, 0)


@functools.lru_cache(1024)
def _recognised(signs: tuple[str, ...] | None, call: WaitCall, maxevents: int, machine: str) -> Runtime | None:
    signed = [_BY_NAME[name] for name in signs or () if name in _BY_NAME]
    for each in signed:
        if call in _calls(each, machine) and each.maxevents.fits(maxevents):
            return Runtime(each.name, certain=True)
    if signed:
        return Runtime(signed[0].name, certain=False)
    alike = [
        each
        for each in FINGERPRINTS
        if each.maxevents.usual == maxevents
        and call in _calls(each, machine)[:1]
        and not (each.always_signed and signs is not None)
    ]
    return Runtime(alike[0].name, certain=False) if len(alike) == 1 else None


def _calls(of: Fingerprint, machine: str) -> tuple[WaitCall, ...]:
    """As the kernel of such a machine sees them."""
    if machine not in _WITHOUT_EPOLL_WAIT:
        return of.calls
    return tuple(_PWAIT if call is _WAIT else call for call in of.calls)
