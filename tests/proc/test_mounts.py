"""Which files may be read, by the list of mounts alone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from epolltop.own_process.pace import Deadline
from epolltop.proc import fdinfo, mountinfo
from epolltop.proc import reading as lines
from epolltop.proc.mountinfo import Mount, MountLists, Mounts


def mount(kind: str, minor: int, point: str = "/", options: str = "rw") -> Mount:
    return Mount(minor, (0, minor), point.encode(), kind.encode(), options.encode())


def listed(*mounts: Mount) -> bytes:
    """As the kernel writes them."""
    line = b"%d 1 %d:%d / %s rw,relatime shared:1 - %s none %s\n"
    return b"".join(line % (each.id, *each.device, each.point, each.kind, each.options) for each in mounts)


Lists = Callable[..., Mounts]


@pytest.fixture(name="lists")
def _lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    """What their list of mounts, ours and that of the first process hold from now on."""

    def hold(theirs: bytes, ours: bytes, first: bytes = b"") -> Mounts:
        told = {"/proc/self/mountinfo": ours, f"/proc/{os.getpid()}/mountinfo": theirs, "/proc/1/mountinfo": first}
        monkeypatch.setattr(mountinfo, "whole_lines", lambda path, *_: iter([told[path]]))
        return MountLists().mounts_of(os.getpid(), Deadline(10))

    return hold


def leads_to_local(known: Mounts, number: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(mountinfo, "own_mount_id", lambda _: number)
    return known.lead_to_local(os.getpid(), 0, Deadline(10))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "squashfs"])
def test_memory_and_disks_are_read(kind: str, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    known = lists(listed(mount(kind, 7)), b"")
    assert known.are_local((0, 7))
    assert leads_to_local(known, 7, monkeypatch)


SERVERS = ("fuse", "fuse.sshfs", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs", "autofs")
UNKNOWN = ("overlay", "ecryptfs", "gpfs", "lustre", "proc", "unheard-of")


def test_in_a_chroot_the_first_process_tells_what_is_mounted(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    known = lists(b"", b"", listed(mount("ext4", 7), mount("nfs", 8)))
    assert known.are_local((0, 7))
    assert leads_to_local(known, 7, monkeypatch)
    assert not known.are_local((0, 8))
    assert not leads_to_local(known, 8, monkeypatch)


@pytest.mark.parametrize("kind", [*SERVERS, *UNKNOWN])
def test_servers_and_what_nobody_knows_are_not(kind: str, lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    known = lists(listed(mount(kind, 7)), listed(mount("ext4", 8)))
    assert not known.are_local((0, 7))
    assert not leads_to_local(known, 7, monkeypatch)


def test_what_is_mounted_nowhere_is_not_read(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    known = lists(listed(mount("ext4", 7)), listed(mount("ext4", 8)))
    assert not known.are_local((0, 9))
    assert not leads_to_local(known, 9, monkeypatch)


def test_a_file_in_hand_is_judged_by_what_is_mounted_now(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lists(listed(mount("tmpfs", 7)), b"")
    lists(listed(mount("fuse", 7)), b"")  # under the same number
    assert not leads_to_local(before, 7, monkeypatch)


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
def test_an_overlay_is_as_local_as_its_layers(
    options: str, local: bool, lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = [mount("ext4", 1, "/"), mount("xfs", 2, "/disk"), mount("nfs4", 3, "/net")]
    overlay = mount("overlay", 4, "/merged", options)
    known = lists(listed(overlay._replace(id=9, point=b"/")), listed(*ours, overlay))
    assert known.are_local((0, 4)) == local
    assert leads_to_local(known, 9, monkeypatch) == local
    # Of one that only they know, the paths may be anybody's.
    assert not lists(listed(*ours, overlay), listed(*ours)).are_local((0, 4))


def test_our_own_list_is_understood() -> None:
    own = list(mountinfo._mounts("self", Deadline(10)))
    assert len(own) == len(Path("/proc/self/mountinfo").read_bytes().splitlines())
    with Path(__file__).open("rb") as file:
        (told,) = [each for each in own if each.id == fdinfo.own_mount_id(file.fileno())]
        of_kernel = os.fstat(file.fileno()).st_dev
        known = MountLists().mounts_of(os.getpid(), Deadline(10))
        assert known.lead_to_local(os.getpid(), file.fileno(), Deadline(10)) == known.are_local(told.device)
    if told.kind != b"btrfs":  # there the number is a subvolume's
        assert told.device == (os.major(of_kernel), os.minor(of_kernel))


def test_a_list_is_read_once_for_all_processes_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    namespaces = MountLists()
    known = namespaces.mounts_of(os.getpid(), Deadline(10))
    monkeypatch.delattr(mountinfo, "whole_lines")
    assert namespaces.mounts_of(os.getppid(), Deadline(10)) is known


def test_a_list_that_is_too_long_or_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        MountLists().mounts_of(os.getpid(), Deadline(-1))
    monkeypatch.setattr(mountinfo, "MOUNTS_BYTES_MAX", 100)
    with pytest.raises(OSError, match="mountinfo"):
        MountLists().mounts_of(os.getpid(), Deadline(10))


def test_whatever_a_mount_is_called_it_takes_the_place_of_no_other(lists: Lists) -> None:
    """The kernel escapes blanks, line breaks and backslashes, and nothing else."""
    chance, names = random.Random(3), [b"\r", b"\x0b", b"\x0c", b"-", b"\xa0", b"1", b"9:9", b"/", b"ext4", b"\\040"]
    for _ in range(300):
        point, source = (b"/" + b"".join(chance.choices(names, k=chance.randrange(9))) for _ in range(2))
        known = lists(b"36 35 0:52 / %s rw - fuse.x %s rw,user_id=0\n" % (point, source), b"")
        assert not known._local


@pytest.mark.parametrize(
    "size", [0, 10, lines._CHUNK_BYTES - 1, lines._CHUNK_BYTES, lines._CHUNK_BYTES + 1, 3 * lines._CHUNK_BYTES]
)
def test_lines_are_whole_whatever_a_read_brings(size: int, tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % number for number in range(size // 4)) + b"x" * size + b"\n"
    (tmp_path / "file").write_bytes(text + b"cut off")
    parts = list(lines.whole_lines(str(tmp_path / "file"), 1 << 20, Deadline(10)))
    assert b"".join(parts) == text
    assert all(part.endswith(b"\n") for part in parts)
