"""What the targets of an interest list are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from epolltop.model.bounds import TARGET_CHARS_MAX
from epolltop.model.socket import LISTENING, STATES, Address, NamespaceSockets, Socket
from epolltop.model.watch import NOT_SEEN, Target, TargetKind, Watch
from epolltop.proc.ends import End, Ends
from epolltop.proc.target import OpenTarget
from epolltop.proc.target_facts import Details, InotifyMark
from epolltop.sources.sightings import Sighting
from epolltop.text.numbers import duration
from epolltop.text.safe import clipped, safe

_EPHEMERAL = 32768
"""From here on the kernel chooses ports for connections that a program makes, by default; see ip_local_port_range."""
_BY_PROTOCOL = {
    b"TCP": TargetKind.TCP,
    b"TCPv6": TargetKind.TCP,
    b"MPTCP": TargetKind.TCP,
    b"MPTCPv6": TargetKind.TCP,
    b"UDP": TargetKind.UDP,
    b"UDPv6": TargetKind.UDP,
    b"UNIX": TargetKind.UNIX,
    b"UNIX-STREAM": TargetKind.UNIX,
    b"NETLINK": TargetKind.NETLINK,
}
_ANYWHERE = ("0.0.0.0", "::")
_MAPPED = "::ffff:"


def links_to_find(sightings: Iterable[Sighting], known: NamespaceSockets) -> Iterator[str]:
    """What to look for among all descriptors, to tell who else has a target, or its other end."""
    for line in (each.line for each in sightings):
        if line.pipe is not None:
            yield _pipe_link(line.pipe)
        if line.socket is not None:
            yield _socket_link(line.socket)
            if (found := known.by_inode.get(line.socket)) and found.peer:
                yield _socket_link(found.peer)


def named(sighting: Sighting, pid: int, known: NamespaceSockets, ends: Ends, protocol: bytes) -> Watch:
    """Puts together what was found out about a watch.

    Args:
        sighting: of the watch.
        pid: of the process in which it was seen.
        known: the sockets of its network namespace.
        ends: who has its sockets and pipes open.
        protocol: the kernel's name for that of a socket, if only that is known.
    """
    line, seen = sighting.line, sighting.seen
    shared = None
    if line.socket is not None:
        is_stale = sighting.stale is True
        target = _socket(line.socket, known, ends, is_stale) or _unlisted_socket(line.socket, protocol)
        shared = _is_shared(ends, _socket_link(line.socket), pid)
    elif line.pipe is not None:
        details = seen.facts.lasting if seen else ()
        target = _pipe(line.pipe, details, ends)
        shared = _is_shared(ends, _pipe_link(line.pipe), pid, dict(details).get("end"))
    elif seen is None:
        target = NOT_SEEN
    else:
        target = _file(seen, sighting.process, sighting.paths)
    if sighting.open_as is not None:
        target = target._replace(details=(*target.details, ("open_as_fd", sighting.open_as)))
    return Watch(line.fd, line.events, line.data, target, sighting.stale, shared, sighting.nested, sighting.lacking)


def _target(kind: TargetKind, text: str, details: Details = ()) -> Target:
    return Target(kind, clipped(text, TARGET_CHARS_MAX), details)


def _socket_link(inode: int) -> str:
    return f"socket:[{inode}]"


def _pipe_link(inode: int) -> str:
    return f"pipe:[{inode}]"


def _socket(inode: int, known: NamespaceSockets, ends: Ends, is_stale: bool) -> Target | None:
    """By what the kernel says of it; of a stale one it is told who keeps it open."""
    found = known.by_inode.get(inode)
    if found is None:
        return None
    details: Details = (("inode", inode),)
    if is_stale:
        details += _end("open_as", ends.by_link.get(_socket_link(inode), ()))
    details = (*_state(found), *details)
    if found.kind is TargetKind.NETLINK:
        return _target(found.kind, found.protocol, details)
    if found.kind is TargetKind.UNIX:
        others = ends.by_link.get(_socket_link(found.peer), ()) if found.peer else ()
        peer = known.by_inode.get(found.peer)
        waits: Details = (("other_unread", peer.incoming),) if peer and peer.incoming is not None else ()
        return _target(found.kind, _unix_text(inode, found, peer, others), (*details, *waits, *_end("other", others)))
    return _target(found.kind, _inet_text(found, known), details)


def _unlisted_socket(inode: int, protocol: bytes) -> Target:
    """It has no address yet, or is of another namespace or protocol."""
    kind = _BY_PROTOCOL.get(protocol, TargetKind.SOCKET)
    details: Details = (("protocol", safe(protocol)),) if protocol and kind is TargetKind.SOCKET else ()
    return _target(kind, _socket_link(inode), (*details, ("inode", inode)))


def _pipe(inode: int, details: Details, ends: Ends) -> Target:
    """By who has the other end, if it is known which end this one is."""
    this = dict(details).get("end")
    others = [
        end
        for end in ends.by_link.get(_pipe_link(inode), ())
        if (this == "read" and end.writes) or (this == "write" and end.reads)
    ]
    arrow = {"read": "←", "write": "→"}.get(str(this), "")
    text = " ".join(filter(None, (_pipe_link(inode), arrow if others else "", _who(others))))
    return _target(TargetKind.PIPE, text, (*details, ("inode", inode), *_end("other", others)))


def _file(seen: OpenTarget, process: str, paths: Mapping[InotifyMark, bytes]) -> Target:
    """By its path; an anonymous one by what it waits for."""
    details = (*seen.facts.lasting, *seen.facts.passing)
    told = dict(details)
    if seen.kind is TargetKind.TIMERFD:
        text = _timer_text(told.get("interval_ns"), told.get("expires_in_ns"))
    elif seen.kind is TargetKind.SIGNALFD:
        text = str(told.get("signals", "?")) or "no signal"
    elif seen.kind is TargetKind.PIDFD:
        text = f"{process} {told.get('pid', '?')}".strip()
    elif seen.kind is TargetKind.EVENTFD:
        text = f"count {told.get('count', '?')}"
    elif seen.kind is TargetKind.INOTIFY:
        text = _marks_text(seen.facts.marks, paths)
    else:
        text = safe(seen.link.removeprefix(b"anon_inode:").strip(b"[]"))
    return _target(seen.kind, text, details)


def _marks_text(marks: Sequence[InotifyMark], paths: Mapping[InotifyMark, bytes]) -> str:
    """The paths, in the order in which they were added; how many others there are."""
    told = [safe(paths[mark]) for mark in reversed(marks) if mark in paths]
    unknown = len(marks) - len(told)
    return ", ".join((*told, *([f"{unknown}?"] if unknown else ())))


def _timer_text(interval_ns: int | str | None, expires_in_ns: int | str | None) -> str:
    if isinstance(interval_ns, int) and interval_ns:
        return f"every {duration(interval_ns / 1e9)}"
    return "once" if expires_in_ns else "not set"


def _state(each: Socket) -> Details:
    told: list[tuple[str, int | str]] = []
    if each.kind is TargetKind.TCP or each.state == LISTENING:
        told.append(("state", STATES.get(each.state, str(each.state))))
    words = ("waiting", "backlog") if each.state == LISTENING else ("unread", "unsent", "read", "written")
    amounts = zip(words, (each.incoming, each.outgoing, each.read, each.written), strict=False)
    return (*told, *((word, amount) for word, amount in amounts if amount is not None))


def _inet_text(each: Socket, known: NamespaceSockets) -> str:
    local = each.local.text if each.local else "?"
    return f"{local} {_arrow(each, known)} {each.remote.text}" if each.remote else local


def _arrow(each: Socket, known: NamespaceSockets) -> str:
    """Which side began. Without a listener a program chose the port, or the kernel did; only the latter tells."""
    if each.kind is TargetKind.UDP:
        return "→"
    local = each.local
    if local is None:
        return "↔"
    hosts = (local.host, local.host.removeprefix(_MAPPED), *_ANYWHERE)
    if any(Address(host, local.port) in known.listeners for host in hosts):
        return "←"
    return "→" if local.port >= _EPHEMERAL and known.complete else "↔"


def _unix_text(inode: int, each: Socket, peer: Socket | None, others: Sequence[End]) -> str:
    own, far = _unix_name(each), _unix_name(peer) if peer else ""
    between = "↔" if own or not far else "→"
    told = " ".join(filter(None, (far if not own else "", _who(others))))
    here = own or ("" if far else _socket_link(inode))
    return " ".join(filter(None, (here, between if told else "", told)))


def _unix_name(each: Socket) -> str:
    name = each.name
    return safe(b"@" + name[1:] if name.startswith(b"\0") else name)


def _who(others: Iterable[End]) -> str:
    return next((f"{end.name} {end.pid}/{end.fd}" for end in others), "")


def _end(role: str, ends: Iterable[End]) -> Details:
    return next((((f"{role}_pid", end.pid), (f"{role}_fd", end.fd), (f"{role}_name", end.name)) for end in ends), ())


def _is_shared(ends: Ends, link: str, pid: int, end: object = None) -> bool | None:
    """Whether another process has the same file open; both ends of a pipe have the same link."""
    others = (each for each in ends.by_link.get(link, ()) if each.pid != pid)
    if any(end is None or (each.reads if end == "read" else each.writes) for each in others):
        return True
    return False if ends.complete else None
