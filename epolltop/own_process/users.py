"""Names of users. A thread of its own asks the user database, and nobody waits for the answer.

The database (NSS) may be a directory server that is slow or silent, and a user namespace gives one person 65,536
numbers to ask about. So /etc/passwd, which is local, is read first. Other users show as numbers until the answer
arrives.
"""

from __future__ import annotations

import collections
import functools
import os
import pwd
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from epolltop.own_process.privileges import keep_nothing
from epolltop.text.safe import safe

LOCAL = Path("/etc/passwd")
LOCAL_BYTES = 1 << 20
"""Bytes read of /etc/passwd: 20,000 users."""
WAITING_MAX = 256
"""Questions that wait for an answer. Further ones are asked again later."""
NAMES_MAX = 4096
"""The latest answers, which are kept."""
NAME_MAX = 256
"""Characters of a name: LOGIN_NAME_MAX."""


class Users:
    """The names that are known so far. Not thread-safe."""

    def __init__(self, ask: Callable[[int], str | None] | None = None, local: Path = LOCAL) -> None:
        """Asks nothing yet.

        Args:
            ask: returns the name of a user by the database, None if there is none. May block for ever.
            local: the file that is read at once.
        """
        self._ask = ask or _by_database
        self._file = local
        self._names: collections.OrderedDict[int, str] = collections.OrderedDict()
        self._awaited: set[int] = set()
        self._unanswered: set[int] = set()
        self._questions: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @functools.cached_property
    def _local(self) -> dict[int, str]:
        return _by_file(self._file)

    def name(self, uid: int) -> str:
        """The name of a user; the number if there is none, or while it is not known."""
        self._take()
        name = self._local.get(uid) or self._names.get(uid)
        if name is None and uid not in self._awaited and len(self._awaited) < WAITING_MAX:
            self._question(uid)
        return name or str(uid)

    def names(self, uids: Iterable[int]) -> dict[int, str]:
        """The names of users, and of those in the last call whose names were not known yet."""
        names = {uid: self.name(uid) for uid in {*uids, *self._unanswered}}
        self._unanswered = {uid for uid in names if uid in self._awaited}
        return names

    def _question(self, uid: int) -> None:
        self._awaited.add(uid)
        self._questions.put(uid)
        if self._thread is None:
            # A daemon, so that leaving does not wait for the database either.
            self._thread = threading.Thread(target=self._run, name="user-names", daemon=True)
            self._thread.start()

    def _take(self) -> None:
        while not self._answers.empty():
            uid, name = self._answers.get()
            self._awaited.discard(uid)
            self._names[uid] = name
            if len(self._names) > NAMES_MAX:
                self._names.popitem(last=False)

    def _run(self) -> None:
        keep_nothing()  # the C library loads whatever the machine's owner configured for the database
        while True:
            uid = self._questions.get()
            try:
                name = self._ask(uid)
            except OSError:  # the database cannot be read now
                name = None
            self._answers.put((uid, name or str(uid)))


def uid_of(name: str) -> int | None:
    """The number of a user; None if there is no such name. Waits for the database, but a signal can interrupt it.

    Raises:
        KeyboardInterrupt: the user interrupted it.
    """
    by_name = {known: uid for uid, known in reversed(_by_file(LOCAL).items())}
    if name in by_name:
        return by_name[name]
    answer: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    # In a thread, because Python handles no signal while the C library waits in this one.
    threading.Thread(target=lambda: answer.put(_uid_by_database(name)), name="user-number", daemon=True).start()
    return answer.get()


def _by_file(path: Path) -> dict[int, str]:
    """Names by number; the first of several names, as in the database."""
    try:
        with open(path, "rb") as file:
            lines = file.read(min(LOCAL_BYTES, os.fstat(file.fileno()).st_size)).splitlines()
    except OSError:
        return {}
    users: dict[int, str] = {}
    for line in lines:
        name, _, rest = line.partition(b":")
        uid = rest.split(b":")[1:2]
        if name and uid and uid[0].isdigit():
            users.setdefault(int(uid[0]), safe(name)[:NAME_MAX])
    return users


def _by_database(uid: int) -> str | None:
    try:
        return safe(os.fsencode(pwd.getpwuid(uid).pw_name))[:NAME_MAX]
    except (KeyError, OverflowError):
        return None


def _uid_by_database(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError, OSError):
        return None
