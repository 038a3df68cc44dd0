"""Which files may be read, by the list of mounts alone."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from epolltop.sources.bpf import lines, mounts
from epolltop.sources.bpf.mounts import Mount, Mounts, mount_of, mounts_of
from epolltop.sources.pace import Deadline


def mount(kind: str, minor: int, point: str = "/", options: str = "rw") -> Mount:
    return Mount((0, minor), point.encode(), kind.encode(), options.encode())


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "squashfs"])
def test_memory_and_disks_are_read(kind: str) -> None:
    known = Mounts({1: mount(kind, 7)}, {})
    assert known.are_local((0, 7))
    assert known.lead_to_local(1)


SERVERS = ("fuse", "fuse.sshfs", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs", "autofs")
UNKNOWN = ("overlay", "ecryptfs", "gpfs", "lustre", "proc", "unheard-of")


@pytest.mark.parametrize("kind", [*SERVERS, *UNKNOWN])
def test_servers_and_what_nobody_knows_are_not(kind: str) -> None:
    known = Mounts({1: mount(kind, 7)}, {2: mount("ext4", 8)})
    assert not known.are_local((0, 7))
    assert not known.lead_to_local(1)


def test_what_is_mounted_nowhere_is_not_read() -> None:
    known = Mounts({1: mount("ext4", 7)}, {2: mount("ext4", 8)})
    assert not known.are_local((0, 9))
    assert not known.lead_to_local(3)


@pytest.mark.parametrize(
    ("options", "local"),
    [
        ("rw,lowerdir=/disk/a:/disk/b,upperdir=/disk/up,workdir=/disk/work", True),
        ("rw,lowerdir+=/disk/a,lowerdir+=/disk/b", True),
        ("rw,lowerdir=/disk", True),
        ("rw,lowerdir=/net/a:/disk/b,upperdir=/disk/up", False),
        ("rw,lowerdir=/disk/a,upperdir=/net/deep/up,workdir=/disk/work", False),
        ("rw,lowerdir=/disk/a::/net/data", False),
        ("rw,lowerdir+=/disk/a,datadir+=/net/b", False),
        ("rw,lowerdir=a:b", False),  # of a working directory that nobody knows
        (r"rw,lowerdir=/di\134sk", False),
        ("rw", False),
    ],
)
def test_an_overlay_is_as_local_as_its_layers(options: str, local: bool) -> None:
    ours = {
        1: mount("ext4", 1, "/"),
        2: mount("xfs", 2, "/disk"),
        3: mount("nfs4", 3, "/net"),
        4: mount("overlay", 4, "/merged", options),
    }
    assert Mounts({9: mount("overlay", 4)}, ours).lead_to_local(9) == local
    # Of one that only they know, the paths may be anybody's.
    theirs = {**ours, 5: ours.pop(4)}
    assert not Mounts(theirs, ours).are_local((0, 4))


def test_our_own_list_is_understood() -> None:
    with Path(__file__).open("rb") as file:
        number = mount_of(file.fileno())
        of_kernel = os.fstat(file.fileno()).st_dev
    own = mounts_of(os.getpid(), Deadline(10))
    told = own._by_id[number]
    assert told.kind.isascii()
    if told.kind != b"btrfs":  # there the number is a subvolume's
        assert told.device == (os.major(of_kernel), os.minor(of_kernel))
    assert len(own._by_id) == len(Path("/proc/self/mountinfo").read_bytes().splitlines())


def test_a_list_that_is_too_long_or_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        mounts_of(os.getpid(), Deadline(-1))
    monkeypatch.setattr(mounts, "MOUNTS_BYTES_MAX", 100)
    with pytest.raises(OSError, match="mountinfo"):
        mounts_of(os.getpid(), Deadline(10))


def test_whatever_a_mount_is_called_it_takes_the_place_of_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel escapes blanks, line breaks and backslashes, and nothing else."""
    chance, names = random.Random(3), [b"\r", b"\x0b", b"\x0c", b"-", b"\xa0", b"1", b"9:9", b"/", b"ext4", b"\\040"]
    for number in range(300):
        point, source = (b"/" + b"".join(chance.choices(names, k=chance.randrange(9))) for _ in range(2))
        line = b"36 35 0:52 / %s rw - fuse.x %s rw,user_id=0\n" % (point, source)
        (tmp_path / str(number)).write_bytes(line)
        monkeypatch.setattr(mounts, "whole_lines", lambda *_, told=line: iter([told]))
        found = mounts_of(1, Deadline(10))
        assert {each.kind for each in found._by_id.values()} <= {b"fuse.x"}
        assert not found.are_local((0, 52))
        assert not found._local


@pytest.mark.parametrize("size", [0, 10, lines._READ - 1, lines._READ, lines._READ + 1, 3 * lines._READ])
def test_lines_are_whole_whatever_a_read_brings(size: int, tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % number for number in range(size // 4)) + b"x" * size + b"\n"
    (tmp_path / "file").write_bytes(text + b"cut off")
    parts = list(lines.whole_lines(str(tmp_path / "file"), 1 << 20, Deadline(10)))
    assert b"".join(parts) == text
    assert all(part.endswith(b"\n") for part in parts)
