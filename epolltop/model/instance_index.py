"""The live instances, by file and by holder: two indexes that change together."""

from __future__ import annotations

from collections.abc import Collection

from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey


class InstanceIndex:
    """Each by its file. `changed` names processes whose holdings differ since it was last cleared."""

    def __init__(self) -> None:
        self.by_file: dict[int, Instance] = {}
        self.changed: set[ProcessKey] = set()
        self._came_or_went: set[int] = set()  # files, since they were last taken
        self._held: dict[ProcessKey, dict[int, tuple[int, ...]]] = {}  # descriptors by file
        self._unheld: set[int] = set()  # without a holder

    def holders(self) -> Collection[ProcessKey]:
        """Processes with at least one descriptor."""
        return self._held.keys()

    def of(self, process: ProcessKey) -> tuple[Instance, ...]:
        """Its instances, by lowest descriptor."""
        fds = self._held.get(process, {})
        return tuple(self.by_file[file] for _, file in sorted(zip(fds.values(), fds, strict=True)))

    def files_of(self, process: ProcessKey) -> Collection[int]:
        """Those that it holds."""
        return self._held.get(process, {}).keys()

    @property
    def unheld(self) -> Collection[int]:
        """Files for which no process has a descriptor."""
        return self._unheld

    def unheld_instances(self) -> tuple[Instance, ...]:
        """The same, in order of their files."""
        return tuple(map(self.by_file.__getitem__, sorted(self._unheld)))

    def put(self, instance: Instance) -> None:
        """In place of what is known of the same file, if anything is."""
        before = self.by_file.get(instance.file)
        if before is None:
            self.add(instance)
        else:
            self._let_go(before)
            self._enter(instance)

    def add(self, instance: Instance) -> None:
        """One of whose file nothing is known."""
        self._came_or_went.add(instance.file)
        self._enter(instance)

    def _enter(self, instance: Instance) -> None:
        file, holders = instance.file, instance.holders
        self.by_file[file] = instance
        for process, fds in holders:
            held = self._held.get(process)
            if held is None:
                held = self._held[process] = {}
            held[file] = fds
            self.changed.add(process)
        if not holders:
            self._unheld.add(file)

    def drop(self, instance: Instance) -> None:
        """One that is known."""
        del self.by_file[instance.file]
        self._came_or_went.add(instance.file)
        self._let_go(instance)

    def take_came_or_went(self) -> set[int]:
        """Files of the instances that came or went since this was last asked."""
        files, self._came_or_went = self._came_or_went, set()
        return files

    def give_back_room(self) -> None:
        """A dictionary or set keeps room for the most that it ever had."""
        self.by_file, self._unheld = dict(self.by_file), set(self._unheld)

    def _let_go(self, instance: Instance) -> None:
        file = instance.file
        self._unheld.discard(file)
        for process, _ in instance.holders:
            files = self._held[process]
            del files[file]
            if not files:
                del self._held[process]
            self.changed.add(process)
