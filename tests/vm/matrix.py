"""Has kernels, images and guests at work at the same time, and collects what they say."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.debian import Unavailable, alone

from . import boot, rootfs
from .kernels import CACHE, Image, Kernel, obtain
from .verdicts import Verdict, all_rungs, of_report

KEPT = Path(__file__).parents[2] / ".cache" / "vm"
"""The console and the report of each guest."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Matrix:
    """What is asked: kernels, and of each the same tests. Arguments select among these, as pytest reads them."""

    kernels: Sequence[Kernel]
    seeds: int
    timeout_s: float
    arguments: tuple[str, ...] = ()

    def verdicts(self, say: Say) -> Iterator[tuple[Kernel, list[Verdict]]]:
        """Of one kernel after another, as they are done; as many guests at a time as there are processors."""
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
            asked = {}
            with alone(CACHE):
                for kernel in reversed(self.kernels):  # the newer ones take longer, so they begin
                    try:
                        if why := kernel.machine.missing():
                            raise Unavailable(why)
                        image = obtain(kernel, say)
                        guest = self._guest(kernel, Path(folder))
                    except Unavailable as error:
                        yield kernel, all_rungs(kernel.name, "notrun", str(error))
                    else:
                        asked[pool.submit(self._ask, kernel, image, guest, say)] = kernel
            for done in as_completed(asked):
                yield asked[done], done.result()

    def _guest(self, kernel: Kernel, folder: Path) -> boot.Guest:
        programs = rootfs.programs(kernel.machine, kernel.bcc)
        checkout = rootfs.checkout(folder, programs.python)
        return boot.Guest(kernel.machine, programs, checkout, self.timeout_s, self.seeds, self.arguments)

    def _ask(self, kernel: Kernel, image: Image, guest: boot.Guest, say: Say) -> list[Verdict]:
        console, report = KEPT / f"{kernel.name}.console", KEPT / f"{kernel.name}.xml"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        try:
            report.write_bytes(boot.run(image, guest, console))
        except boot.GuestFailed as error:
            return all_rungs(image.name, "failed", f"{error} ({console})")
        finally:
            say(f"{image.name}: {time.monotonic() - started:.0f} s, it printed {console}")
        return of_report(report.read_bytes(), kernel, image.name, whole=not self.arguments)
