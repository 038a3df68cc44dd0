"""A loop that sleeps in its callbacks, for each of its arguments in turn; in seconds."""

from __future__ import annotations

import itertools
import select
import sys
import time

_WAIT_S = 0.02


def _main(times_s: list[float]) -> None:
    with select.epoll() as instance:
        instance.poll(0)
        sys.stdout.write("away\n")
        sys.stdout.flush()
        for away_s in itertools.cycle(times_s):
            time.sleep(away_s)
            instance.poll(_WAIT_S)


if __name__ == "__main__":
    _main([float(word) for word in sys.argv[1:]])
