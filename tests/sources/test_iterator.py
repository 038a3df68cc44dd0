"""How a census is read from the kernel."""

from __future__ import annotations

import io
import os
import threading

from epolltop.sources.bpf.program import read_whole


def test_a_reader_that_has_nothing_yet_is_asked_again() -> None:
    there, here = os.pipe()
    os.set_blocking(there, False)
    asked = threading.Event()

    class Asked(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            part = super().read(size)
            if part is None:
                asked.set()
            return part

    def write() -> None:
        for part in (b"one", b"two"):
            asked.wait(10)
            asked.clear()
            os.write(here, part)
        os.close(here)

    writer = threading.Thread(target=write)
    writer.start()
    with Asked(there) as passes:
        assert read_whole(passes) == b"onetwo"
    writer.join()
