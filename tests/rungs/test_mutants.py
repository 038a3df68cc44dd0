"""The torture notices what it is there for: mistakes that are made on purpose."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from epolltop.bcc import compilation

from .comparison import Differs
from .guest import IN_GUEST
from .puppets import Puppets, Silent
from .reported import Disturbed, Watcher
from .rungs import RUNGS, Refused, opened
from .torture import drawn, each_in_turn, torture

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

SEEDS = 12
"""Runs in which a mistake must show; most do in the first."""


@dataclass(frozen=True)
class Mutant:
    """A mistake in a file of bpf/."""

    file: str
    right: str
    wrong: str


MUTANTS = {
    "births-outlive-their-instances": Mutant("files_free.c", "live_instances.delete(&file);", ""),
    "born-a-tenth-of-a-millisecond-late": Mutant(
        "epoll_create.c", "instance.created_ns = now;", "instance.created_ns = now + 100000;"
    ),
    "failures-are-creations": Mutant("epoll_create.c", "add_one(&counts->failed);", "add_one(&counts->created);"),
    "sizes-are-unsigned": Mutant(
        "epoll_create.c", "event.argument = argument;", "event.argument = argument & 0x7fffffff;"
    ),
    "the-process-for-its-thread": Mutant(
        "common.c", "event->tid = current_tid(known);", "event->tid = current_tgid(known);"
    ),
    "releases-are-the-creators": Mutant(
        "files_free.c", "event.tgid = tgid;", "event.tgid = found ? instance.tgid : tgid;"
    ),
    "threads-of-the-kernel-are-processes": Mutant("files_free.c", "& PF_KTHREAD", "& 0"),
    "descriptors-above-a-hundred-are-not-found": Mutant(
        "census.c", "holding.fd = ctx->fd;", "holding.fd = ctx->fd;\n\tif (ctx->fd > 100)\n\t\treturn 0;"
    ),
    "time-away-ends-on-the-same-instance-only": Mutant(
        "epoll_wait.c",
        "if (counts && of_reader)\n\t\t\tcount_away(",
        "if (counts && of_reader && file == turn->loop.file)\n\t\t\tcount_away(",
    ),
    "an-address-is-an-instance": Mutant(
        "epoll_wait.c", "(file != turn->loop.file || turn->generation != *of_instances)", "file != turn->loop.file"
    ),
    "a-number-is-a-thread": Mutant("epoll_wait.c", "turn->thread_start_ns == start_ns && turn->task == self", "true"),
    "who-executes-is-the-first-thread": Mutant("epoll_wait.c", " && turn->task == self", ""),
    "signals-are-timeouts": Mutant("loop_counts.h", "counts->interrupted++;", "counts->timeouts_met++;"),
    "errors-are-wakes": Mutant("loop_counts.h", "if (ret < 0) {", "if (ret < -4096) {"),
    "the-longest-is-of-another-tick": Mutant(
        "loop_counts.h", "&counts->maxima[tick & 1]", "&counts->maxima[~tick & 1]"
    ),
    "a-descriptor-is-a-watch": Mutant(
        "epoll_ctl.c", "removed->fd == fd && removed->inode == inode", "removed->fd == fd"
    ),
    "a-second-is-forever": Mutant("epoll_ctl.c", "#define READD_NS 1000000000", "#define READD_NS 1000000000000"),
    "changes-that-fail-fail-alike": Mutant("epoll_ctl.c", ".number = -ret,", ".number = 17,"),
}

CAUGHT = [("kprobe", "releases-are-the-creators")]
"""Where functions are probed, one is enough: the rest of the code is the same."""
CAUGHT += [] if IN_GUEST else [("slab", name) for name in MUTANTS]  # guests are slow


@pytest.mark.parametrize(("rung", "name"), CAUGHT, ids=["-".join(each) for each in CAUGHT])
def test_a_mistake_is_noticed(
    rung: str, name: str, puppets: Puppets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _breed(MUTANTS[name], tmp_path / "bpf")
    monkeypatch.setattr(compilation, "bpf_directory", lambda: tmp_path / "bpf")
    try:
        with opened(RUNGS[rung]) as observing:
            watcher = Watcher(observing, RUNGS[rung], tmp_path / "recording")
            assert any(_is_noticed(watcher, puppets, seed) for seed in range(SEEDS)), "nobody noticed"
    except Refused as refused:
        pytest.skip(str(refused)[:400])


def _is_noticed(watcher: Watcher, puppets: Puppets, seed: int) -> bool:
    try:
        torture(watcher, puppets, seed, drawn if seed else each_in_turn, [])
    except Silent:
        puppets.restart()
    except Disturbed:
        pass
    except Differs:
        return True
    return False


def _breed(mutant: Mutant, directory: Path) -> None:
    shutil.copytree(compilation.bpf_directory(), directory)
    file = directory / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.right) == 1, f"{mutant.file} has {mutant.right!r} {text.count(mutant.right)} times"
    file.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
