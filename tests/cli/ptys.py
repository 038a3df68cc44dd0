"""The program on a pseudo terminal that is nobody's controlling one, so that no signal tells of its end."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.waiting import eventually

from .program import environment


class Pty:
    """The terminal's end of it, and the program at the other one."""

    def __init__(self, command: Sequence[str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.settings = termios.tcgetattr(slave)
        self._name = os.ttyname(slave)
        self.program = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd="/",
            env=environment(TERM="xterm-256color"),
        )
        os.close(slave)
        self.seen = b""
        self.read_on()

    def sees(self, text: bytes) -> None:
        """Until it was drawn."""
        eventually(lambda: text in self.seen)

    def read_on(self) -> None:
        """Somebody reads, from the beginning or again."""
        self._reads = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def stall(self) -> None:
        """Nobody reads any more."""
        self._reads = False
        self._reader.join()

    def fill(self, keys: bytes) -> None:
        """Presses keys, at which much is drawn, until it takes no more. Slowly: they are not to pile up."""
        slave = os.open(self._name, os.O_WRONLY | os.O_NOCTTY)
        room = select.poll()
        room.register(slave, select.POLLOUT)

        def is_full() -> bool:
            self.type(keys)
            time.sleep(0.2)
            return not room.poll(0)

        try:
            eventually(is_full)
        finally:
            os.close(slave)

    def drop(self) -> None:
        """Nobody is there any more."""
        self.stall()
        os.close(self.master)
        self.master = -1

    def type(self, keys: bytes) -> None:
        """Presses keys."""
        os.write(self.master, keys)

    def rest(self) -> bytes:
        """What is there to be read, of a program that has ended."""
        read = b""
        while select.select([self.master], [], [], 0.1)[0]:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                break
            if not part:
                break
            read += part
        return read

    def _read(self) -> None:
        while self._reads:
            if select.select([self.master], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    return


@contextmanager
def on_a_pty(command: Sequence[str]) -> Iterator[Pty]:
    """While it runs; killed if it does not end by itself."""
    opened = Pty(command)
    try:
        yield opened
    finally:
        opened.program.kill()
        opened.program.wait()
        opened.stall()
        if opened.master >= 0:
            os.close(opened.master)
