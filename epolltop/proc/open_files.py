"""Which descriptors of which processes refer to the same open file, by kcmp, kept from one scan to the next.

A descriptor that was an epoll instance in the previous scan, and is one now, is assumed to be the same instance. So a
scan of 100,000 instances costs 0.4 s instead of 6 s, nearly all of it for reading links. The assumption is wrong if a
program closed an instance and opened another one under the same number in between. Mostly the kernel gives the new one
the old address, and then no scan can tell them apart. For the rest, each scan checks `_CHECKS` descriptors in turn (all
of them, on most machines) and sorts those that fail again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from epolltop.proc import kcmp
from epolltop.proc.kcmp import Compare, Slot

# kcmp calls per round for checking old knowledge: 4 ms.
_CHECKS = 2000
# How often the result is checked again: a program that closes and opens meanwhile misleads the search.
_ROUNDS = 4


class _OpenFile:
    """One open file: its number and the descriptors that refer to it."""

    __slots__ = ("file", "members")

    def __init__(self, file: int, members: list[Slot]) -> None:
        self.file = file
        self.members = members


class OpenFiles:
    """Numbers for open files, kept as long as any descriptor of the previous scan still refers to the file.

    If a class of descriptors turns out to be several files, the number stays with the one that most of them refer to;
    if several classes turn out to be one file, the number that most descriptors had stays. On a tie the lower, older
    number wins. A number is never used again.
    """

    def __init__(self, compare: Compare) -> None:
        """Knows no file yet. A descriptor that may not be compared counts as a file of its own."""
        self._compare = compare
        self._of: dict[Slot, _OpenFile] = {}
        # In the order of kcmp. What may not be compared is left out.
        self._order: list[_OpenFile] = []
        self._lost: set[Slot] = set()
        self._last = 0
        self._checked = 0

    def file(self, descriptor: Slot) -> int:
        """Number of the file behind a descriptor; 0 if it vanished while it was compared."""
        instance = self._of.get(descriptor)
        return instance.file if instance else 0

    def update(self, gone: Collection[Slot], fresh: Iterable[Slot]) -> set[int]:
        """Applies what changed since the last scan.

        Returns:
            Processes some of whose descriptors may have other files now.
        """
        self._remove(gone)
        self._lost.clear()
        former: dict[Slot, int] = {}
        touched: dict[int, _OpenFile] = {}
        placed = list(fresh)
        waiting = placed
        for _ in range(_ROUNDS):
            doubtful = self._check()
            self._remove(doubtful.keys())
            former = doubtful | former
            if not (waiting or doubtful):
                break
            touched |= {id(instance): instance for instance in self._place([*doubtful, *waiting])}
            waiting = []
        self._name(list(touched.values()), former)
        members = (instance.members for instance in touched.values())
        return {pid for descriptors in (placed, former, self._lost, *members) for pid, _ in descriptors}

    def _remove(self, descriptors: Collection[Slot]) -> None:
        touched = {id(instance): instance for d in descriptors if (instance := self._of.pop(d, None))}
        if not touched:
            return
        leaving = set(descriptors)
        for instance in touched.values():
            instance.members = [member for member in instance.members if member not in leaving]
        self._order = [instance for instance in self._order if instance.members]

    def _check(self) -> dict[Slot, int]:
        """Compares the next instances with their neighbours; returns the descriptors of those that fail, by number.

        The neighbour is the last one that passed, because several may have changed: those that stay must be in order
        once those that failed are out.
        """
        doubtful: list[_OpenFile] = []
        start, self._checked = self._checked, 0
        sound = self._order[:start]
        calls = 0
        for at, instance in enumerate(self._order[start:], start):
            if calls >= _CHECKS:
                self._checked = at
                break
            calls += len(instance.members)
            try:
                first, *others = instance.members
                if any(self._compare(*first, *other) != kcmp.SAME for other in others):
                    doubtful.append(instance)
                elif sound and self._compare(*sound[-1].members[0], *first) != kcmp.LESS:
                    doubtful += (sound.pop(), instance)  # either may be the one in the wrong place
                else:
                    sound.append(instance)
            except OSError:
                doubtful += (*sound[-1:], instance)
                del sound[-1:]
        return {member: instance.file for instance in doubtful for member in instance.members}

    def _place(self, descriptors: list[Slot]) -> list[_OpenFile]:
        """The instances that descriptors belong to: known ones, or new ones without a number."""
        files, apart = kcmp.group(descriptors, self._compare)
        found: dict[int, _OpenFile] = {}
        start = 0
        for members in files:
            instance, start = self._sort_in(members, start)
            found[id(instance)] = instance
        touched = [*found.values(), *(_OpenFile(0, [descriptor]) for descriptor in apart)]
        for instance in touched:
            self._of.update(dict.fromkeys(instance.members, instance))
        return touched

    def _sort_in(self, members: list[Slot], start: int) -> tuple[_OpenFile, int]:
        """Finds or makes the instance of some descriptors by binary search from a start in the order.

        Returns:
            The instance, without members if they are all gone, and where to start for one that is greater.
        """
        low, high = start, len(self._order)
        while members and low < high:
            middle = (low + high) // 2
            there = self._order[middle]
            try:
                order = self._compare(*members[0], *there.members[0])
            except OSError:
                state = kcmp.state(members[0], self._compare)
                if state is kcmp.SlotState.DENIED:
                    return _OpenFile(0, members), start
                if state is kcmp.SlotState.GONE:
                    del members[0]
                else:
                    self._drop_representative(there)
                    start = 0
                low, high = start, len(self._order)
                continue
            if order == kcmp.SAME:
                there.members += members
                return there, middle + 1
            low, high = (low, middle) if order == kcmp.LESS else (middle + 1, high)
        instance = _OpenFile(0, members)
        if members:
            self._order.insert(low, instance)
        return instance, low + 1

    def _drop_representative(self, instance: _OpenFile) -> None:
        """Handles an instance whose first descriptor cannot be compared: drops that one, or the place in the order."""
        first = instance.members[0]
        state = kcmp.state(first, self._compare)
        if state is kcmp.SlotState.DENIED:
            self._order.remove(instance)
        elif state is kcmp.SlotState.GONE:
            self._lost.add(first)
            # It may have been added in this very update.
            self._of[first] = instance
            self._remove([first])

    def _name(self, touched: list[_OpenFile], former: dict[Slot, int]) -> None:
        claims: list[tuple[int, int, int]] = []
        for at, instance in enumerate(touched):
            votes = Counter(former.get(member, instance.file) for member in instance.members)
            claims += [(-count, file, at) for file, count in votes.items() if file]
        names: dict[int, int] = {}
        taken: set[int] = set()
        for _, file, at in sorted(claims):
            if at not in names and file not in taken:
                names[at] = file
                taken.add(file)
        for at, instance in enumerate(touched):
            if at not in names and instance.members:
                self._last += 1
                names[at] = self._last
            instance.file = names.get(at, 0)
