"""The user who called sudo, doas or pkexec: files are made with that user's rights, never with more.

Otherwise a user who may run only epolltop by such a rule could replace any file.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from epolltop.own_process import privileges
from epolltop.text.safe import printable

_IDS = range((1 << 32) - 1)
"""All but the last one, -1, which means no change."""
_DIGITS_MAX = 10
_SHOWN_MAX = 40
"""Characters shown of a value that is no id."""
_SHELLS = Path("/etc/shells")
_CURRENT = -1

# libc's own setgroups changes every thread, the call only this one; its number is from the kernel's tables.
_SETGROUPS = {"x86_64": 116, "aarch64": 159, "riscv64": 159}.get(platform.machine())
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Invoker(NamedTuple):
    """A user on whose behalf root runs, and who is not root."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of them."""
    told_by: str
    """Name of the environment variable that says so."""


def invoker() -> Invoker | None:
    """The user who called sudo, pkexec or doas; None if root did, or if we are not root.

    A shell that sudo started (sudo -i, sudo -s) is root's own, with everything that is started in it: its user may do
    whatever root may, and its files belong to root.

    Raises:
        OSError: the environment names an impossible user.
    """
    if os.geteuid() != 0:
        return None
    if os.environ.get("SUDO_UID"):
        if os.environ.get("SUDO_COMMAND", "") in _shells():
            return None
        return _by_id("SUDO_UID", "SUDO_GID")
    if os.environ.get("PKEXEC_UID"):
        return _by_id("PKEXEC_UID", "")
    if os.environ.get("DOAS_USER"):
        try:
            return _of(pwd.getpwnam(os.environ["DOAS_USER"]), "DOAS_USER")
        except (KeyError, ValueError):
            raise _nobody("DOAS_USER") from None
    return None


def _by_id(told_by: str, gid_by: str) -> Invoker | None:
    """For a user who is not in the user database, only the ids are known."""
    uid = _id(told_by)
    gid = _id(gid_by) if os.environ.get(gid_by) else None
    try:
        return _of(pwd.getpwuid(uid), told_by, gid)
    except KeyError:
        if gid is None:
            raise _nobody(told_by) from None
        return Invoker(uid, gid, (gid,), told_by) if uid else None


def _of(user: pwd.struct_passwd, told_by: str, gid: int | None = None) -> Invoker | None:
    gid = user.pw_gid if gid is None else gid
    groups = os.getgrouplist(user.pw_name, gid)
    return Invoker(user.pw_uid, gid, tuple(groups), told_by) if user.pw_uid else None


def _id(variable: str) -> int:
    text = os.environ[variable]
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX and int(text) in _IDS:
        return int(text)
    raise _nobody(variable)


def _nobody(variable: str) -> OSError:
    shown = printable(os.environ[variable][:_SHOWN_MAX])[:_SHOWN_MAX]
    return OSError(
        errno.EINVAL,
        f"{variable}={shown} names no user, so the owner of the file is not known; unset or correct it",
    )


def _shells() -> list[str]:
    try:
        return [line for line in _SHELLS.read_text(errors="replace").splitlines() if line.startswith("/")]
    except OSError:
        return []


@contextlib.contextmanager
def rights() -> Iterator[None]:
    """Within it, this thread accesses files with the rights of the invoker, and with no capability.

    Root itself keeps root's rights, and any other user theirs.

    Raises:
        OSError: the invoker is not known, or their rights cannot be taken.
    """
    who = invoker()
    if who is None and os.geteuid() == 0:
        yield
        return
    with _identity_of(who), privileges.effective(()):
        yield


def take_rights() -> bool:
    """From here on this thread accesses files with the rights of the invoker, with or without capabilities.

    Returns:
        Whether there is an invoker. If the invoker is not known, `rights` later refuses to make files.
    """
    with contextlib.suppress(OSError):
        if (who := invoker()) is not None:
            _take(who.uid, who.gid, who.groups)
            return True
    return False


def become_invoker() -> bool:
    """Makes the whole process, with all threads, the invoker's; returns whether there is one.

    Its capabilities no longer take effect, but may still be kept.
    """
    with contextlib.suppress(OSError):
        if (who := invoker()) is not None:
            os.setgroups(who.groups)
            os.setresgid(who.gid, who.gid, who.gid)
            privileges.keep_over_change_of_user()
            os.setresuid(who.uid, who.uid, who.uid)
            return True
    return False


@contextlib.contextmanager
def _identity_of(who: Invoker | None) -> Iterator[None]:
    if who is None:
        yield
        return
    before = _identity()
    _take(who.uid, who.gid, who.groups)
    try:
        yield
    finally:
        _take(*before)


def _identity() -> tuple[int, int, tuple[int, ...]]:
    """The ids by which the kernel checks this thread's access to files."""
    return _libc.setfsuid(_CURRENT) & 0xFFFFFFFF, _libc.setfsgid(_CURRENT) & 0xFFFFFFFF, tuple(os.getgroups())


def _take(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Changes these ids. With setfsuid the kernel also removes root's capabilities over files, and restores them."""
    if sorted(set(groups)) != sorted(set(os.getgroups())):
        _set_groups(groups)
    _libc.setfsgid(ctypes.c_uint(gid))
    _libc.setfsuid(ctypes.c_uint(uid))
    now = _identity()
    if now[:2] != (uid, gid):  # as in a user namespace that has no such user
        raise OSError(errno.EPERM, f"the rights of user {uid}, group {gid} cannot be taken here")


def _set_groups(groups: tuple[int, ...]) -> None:
    if _SETGROUPS is None:
        os.setgroups(groups)
        return
    numbers = (ctypes.c_uint * len(groups))(*groups)
    if _libc.syscall(*map(ctypes.c_long, (_SETGROUPS, len(groups))), numbers) < 0:
        raise OSError(ctypes.get_errno(), f"the groups of a user cannot be taken: {os.strerror(ctypes.get_errno())}")
