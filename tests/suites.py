"""Packages of other Debian suites than the machine's own: fetched from the mirrors that it is configured with, and
unpacked into a directory; nothing is installed, and no maintainer script runs.

apt works in a directory of its own, with an empty list of installed packages. Needs apt-get, dpkg-deb and tar.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
"""Of the package debian-archive-keyring; the first that is there."""

_PATIENCE_S = 600
_MERGED = ("bin", "sbin", "lib", "lib64")
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/info")


class Unavailable(Exception):
    """What was asked for cannot be had on this machine; the message says why."""


def cache() -> Path:
    """Where what was fetched and made is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epolltop"


def mirrors() -> list[str]:
    """Base addresses of the Debian archives in the machine's own configuration.

    Raises:
        Unavailable: none, or no apt.
    """
    if not shutil.which("apt-get"):
        raise Unavailable("there is no apt-get")
    found = _debian()
    if not found:  # whose a mirror is stands in its index, and images of containers come without
        with tempfile.TemporaryDirectory() as lists:
            private = ("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root")
            Path(lists, "partial").mkdir()
            with contextlib.suppress(Unavailable):
                _run("apt-get", *private, "update")
            found = _debian(*private)
    if not found:
        raise Unavailable("no mirror of Debian is among this machine's package sources")
    return found


def _debian(*options: str) -> list[str]:
    fields = "$(ORIGIN)|$(LABEL)|$(REPO_URI)"
    lines = _run("apt-get", *options, "indextargets", "--format", fields, "Created-By: Packages").splitlines()
    origins = (line.split("|", 2) for line in lines)
    return list(dict.fromkeys(uri for origin, label, uri in origins if origin == label == "Debian"))


class Suite:
    """One suite of the archive, such as bullseye or sid."""

    def __init__(self, name: str, directory: Path) -> None:
        """Fetches the suite's index.

        Args:
            name: as it is called on mirrors.
            directory: for apt; made if it is not there, and whoever calls removes it.

        Raises:
            Unavailable: no configured mirror has it.
        """
        self._directory = directory
        for part in ("etc/apt/preferences.d", "lists/partial", "archives/partial"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        keyring = next((path for path in KEYRINGS if os.path.exists(path)), None)
        if keyring is None:
            raise Unavailable("the keys of Debian's archive are missing: package debian-archive-keyring")
        refused = []
        for mirror in mirrors():
            source = f"deb [signed-by={keyring}] {mirror} {name} main\n"
            (directory / "sources.list").write_text(source, encoding="utf-8")
            try:
                self._apt("update")
            except Unavailable as error:
                refused.append(str(error))
            else:
                return
        raise Unavailable(f"no configured mirror has {name}: {'; '.join(refused)}")

    def fetch(self, packages: Sequence[str]) -> list[Path]:
        """Archives of the packages and of all they depend on.

        Raises:
            Unavailable: apt's reason.
        """
        self._apt("install", "--download-only", "--no-install-recommends", "-y", *packages)
        return sorted((self._directory / "archives").glob("*.deb"))

    def _apt(self, *arguments: str) -> None:
        at = self._directory
        places = {
            "Dir": at,
            "Dir::State::lists": at / "lists",
            "Dir::State::status": at / "status",
            "Dir::Cache": at,
            "Dir::Cache::archives": at / "archives",
            "Dir::Etc::sourcelist": at / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",  # the one it would become has no way into a home
            "APT::Update::Error-Mode": "any",  # else it takes a mirror that does not answer for an old index
        }
        options = [word for name, value in places.items() for word in ("-o", f"{name}={value}")]
        _run("apt-get", "-qq", *options, *arguments)


def unpack(archives: Iterable[Path], tree: Path) -> None:
    """Lays packages over what is in a directory, with /bin, /sbin and /lib being those in /usr, as installers do now.

    Raises:
        Unavailable: an archive is damaged, or the disk full.
    """
    for name in _MERGED:
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(f"usr/{name}")
    left_out = [f"--exclude={path}" for path in _LEFT_OUT]
    for archive in archives:
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as files:
            _run("tar", "-x", "-C", str(tree), "--keep-directory-symlink", *left_out, stdin=files.stdout)
        if files.returncode:
            raise Unavailable(f"{archive.name} cannot be unpacked")


def _run(*command: str, stdin: object = subprocess.DEVNULL) -> str:
    """What a command says; all that it says is the reason if it fails."""
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=stdin,  # type: ignore[call-overload]
            capture_output=True,
            text=True,
            env=environment,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} does not end") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise Unavailable(f"{command[0]} {said}")
    return str(done.stdout)
