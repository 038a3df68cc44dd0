"""A watch with its instance and a process that holds that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from epolltop.model.instance import Instance
from epolltop.model.process_row import ProcessRow
from epolltop.model.watch import Watch


class WatchOf(NamedTuple):
    """A watch, as a holder of its instance sees it."""

    watch: Watch
    instance: Instance
    process: ProcessRow | None
    """None: nobody holds the instance now."""
    nested: Instance | None
    """The target, if that is an instance which the same process holds."""

    @property
    def instance_fd(self) -> int | None:
        """The lowest descriptor that the process has for the instance."""
        fds = self.instance.fds_of(self.process.key) if self.process else ()
        return fds[0] if fds else None


def watches_of(process: ProcessRow) -> list[WatchOf]:
    """What the instances of a process watch, as far as that was read."""
    held = _held(process)
    return [watch for instance in process.instances for watch in _watches(instance, process, held)]


def watches_in(instance: Instance, process: ProcessRow | None) -> list[WatchOf]:
    """What one instance watches, as far as that was read."""
    return list(_watches(instance, process, _held(process) if process and _nests(instance) else {}))


def _watches(instance: Instance, process: ProcessRow | None, held: Mapping[int, Instance]) -> Iterator[WatchOf]:
    for watch in instance.interest.watches if instance.interest else ():
        yield WatchOf(watch, instance, process, None if watch.nested is None else held.get(watch.nested))


def _nests(instance: Instance) -> bool:
    return instance.interest is not None and any(each.nested is not None for each in instance.interest.watches)


def _held(process: ProcessRow) -> dict[int, Instance]:
    """Its instances by file, if one of them watches another one."""
    return {each.file: each for each in process.instances} if any(map(_nests, process.instances)) else {}
