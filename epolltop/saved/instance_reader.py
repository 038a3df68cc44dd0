"""The instances of a snapshot file: each is made once, however many processes it stands under."""

from __future__ import annotations

from collections.abc import Iterable

from epolltop.model.event import Syscall
from epolltop.model.instance import Holder, Instance, Provenance, Thread
from epolltop.model.process import ProcessKey
from epolltop.query.creation import flags_of, unsigned
from epolltop.query.process_members import INSTANCE
from epolltop.saved.read_back import read_back
from epolltop.saved.snapshot_form import Written
from epolltop.saved.watch_reader import read_interest
from epolltop.text.safe import printable


class SavedInstances:
    """The file lists pids as holders of an instance, some or all, and descriptors under each process only.

    Args:
        listed: the processes of the file, each with its identity.
    """

    def __init__(self, listed: Iterable[tuple[ProcessKey, Written]]) -> None:
        self.made: dict[str, Instance] = {}
        """By id."""
        self._fds: dict[str, dict[int, Holder]] = {}
        self._cloexec: dict[tuple[str, Holder], tuple[bool | None, ...]] = {}
        self._keys: dict[int, ProcessKey] = {}
        for key, process in listed:
            self._keys[key.pid] = key
            for instance in process.instances:
                holder = self._fds.setdefault(instance.id, {})[key.pid] = Holder(key, tuple(sorted(instance.fds)))
                if instance.cloexec and len(instance.cloexec) == len(holder.fds):
                    flags = dict(zip(instance.fds, instance.cloexec, strict=True))
                    self._cloexec[instance.id, holder] = tuple(flags[fd] for fd in holder.fds)

    def instance(self, written: Written) -> Instance:
        """As it was written first; ValueError: no instance is like that."""
        made = self.made.get(written.id)
        if made is None:
            made = self.made[written.id] = self._instance(written)
        return made

    def _instance(self, written: Written) -> Instance:
        file, _, since_ns = written.id.partition("@")
        syscall, argument = _argument(written)
        known = self._fds.get(written.id, {})
        others = (Holder(self._key(pid), ()) for pid in set(written.holders) - known.keys())
        holders = tuple(sorted((*known.values(), *others)))
        cloexec = tuple(self._cloexec.get((written.id, holder), (None,) * len(holder.fds)) for holder in holders)
        is_told = any(each is not None for held in cloexec for each in held)
        return read_back(
            INSTANCE,
            written,
            Instance,
            file=int(file, 16),
            since_ns=int(since_ns),
            provenance=Provenance(written.provenance),
            creator=None if written.creator is None else self._key(written.creator),
            syscall=syscall,
            argument=argument,
            holders=holders,
            cloexec=cloexec if is_told else (),
            thread=_thread(written),
            interest=read_interest(written),
            more_holders=max(0, (written.holder_count or 0) - len(holders)),
        )

    def _key(self, pid: int) -> ProcessKey:
        return self._keys.get(pid, ProcessKey(pid, 0))


def _argument(written: Written) -> tuple[Syscall, int | None]:
    if written.size is not None:
        return Syscall.EPOLL_CREATE, unsigned(written.size)
    if written.flags is not None:
        return Syscall.EPOLL_CREATE1, flags_of(written.flags)
    return Syscall.UNKNOWN, None


def _thread(written: Written) -> Thread | None:
    if written.creator_tid is None:
        return None
    return Thread(written.creator_tid, None if written.creator_thread is None else printable(written.creator_thread))
