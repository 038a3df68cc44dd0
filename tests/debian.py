"""Packages of any suite of Debian, from the mirrors that this machine is configured with; nothing is installed.

apt works in a folder of its own, with an empty list of installed packages. Needs apt-get, dpkg-deb, tar and bash.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEPENDS_ONLY = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]

_PATIENCE_S = 600
_KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("pgp", "gpg")]
_ARCHIVE = re.compile(r"'\S+' (\S+\.deb) ")
_FORGOTTEN = ("APT::Update", "APT::Architectures", "APT::Default-Release", "DPkg")
"""Of the machine's configuration: hooks, and what is about its own packages."""
_VERIFYING = {"Acquire::AllowInsecureRepositories": "false", "APT::Get::AllowUnauthenticated": "false"}
_MERGED = ("bin", "sbin", "lib", "lib64")
_LEFT_OUT = [f"--exclude=./usr/share/{kind}" for kind in ("doc", "man", "locale", "info")]
_UNPACK = 'set -o pipefail; dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink "$@"'


class Unavailable(Exception):
    """What was asked for cannot be had on this machine; the message says why, on one line."""


def cache() -> Path:
    """Where what was fetched and made is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "epolltop"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While nobody else makes things in a folder of the cache."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Mirrors:
    """Addresses that this machine has Debian from, with "/" at the end."""

    main: tuple[str, ...]
    security: tuple[str, ...] = ()


@functools.cache
def mirrors() -> Mirrors:
    """Those in the machine's sources, whatever suite they are asked for there.

    Whose a mirror is stands in its index. Images of containers often have none; then it is fetched.

    Raises:
        Unavailable: there is none, or no apt.
    """
    columns = "\t".join(f"$({name})" for name in ("ORIGIN", "LABEL", "REPO_URI"))
    question = ("indextargets", "--format", columns, "Created-By: Packages")
    try:
        return read_mirrors(ask("apt-get", *question))
    except Unavailable:
        with tempfile.TemporaryDirectory() as folder:
            private = _private(Path(folder), {})
            with contextlib.suppress(Unavailable):
                ask("apt-get", *private, "update")
            return read_mirrors(ask("apt-get", *private, *question))


def read_mirrors(answer: str) -> Mirrors:
    """From lines of origin, label and address.

    Raises:
        Unavailable: none of them is Debian's.
    """
    rows = [line.split("\t") for line in answer.splitlines()]
    main, security = (
        tuple(dict.fromkeys(address for *whose, address in rows if whose == ["Debian", label]))
        for label in ("Debian", "Debian-Security")
    )
    if not main:
        raise Unavailable("no mirror of Debian is among this machine's package sources")
    return Mirrors(main, security)


class Suite:
    """One suite of the archive, such as bullseye or sid, and its security updates."""

    def __init__(self, name: str, mirrors: Mirrors, folder: Path, architecture: str = "") -> None:
        """Fetches the indexes. What could not be had is told with the first package that is missing.

        Args:
            name: as it is called on mirrors.
            mirrors: which are asked.
            folder: for apt; made if it is not there, and whoever calls removes it.
            architecture: of the packages, as Debian names it; that of this machine without.
        """
        places = {f"Dir::Etc::{part}": "/dev/null" for part in ("sourceparts", "preferences", "preferencesparts")}
        self._options = _private(folder, places | {"Dir::Etc::sourcelist": f"{folder}/sources.list"}, architecture)
        keyring = next((path for path in _KEYRINGS if path.exists()), None)
        (folder / "sources.list").write_text(sources(name, mirrors, keyring), encoding="utf-8")
        self._archives = folder / "archives"
        self._hosts = {host for address in (*mirrors.main, *mirrors.security) if (host := urlsplit(address).hostname)}
        self._doubt = ""
        try:
            self._ask("apt-get", "update")
        except Unavailable as error:
            self._doubt = str(error)

    def closure(self, package: str) -> list[str]:
        """Names of a package and of all that it depends on, by whatever alternative."""
        return names(self._ask("apt-cache", "depends", "--recurse", *DEPENDS_ONLY, package))

    def versions(self, packages: Sequence[str]) -> tuple[str, ...]:
        """Names of the files that `download` fetches; each has the version in it."""
        return archives(self._ask("apt-get", "download", "--print-uris", *packages))

    def download(self, packages: Sequence[str]) -> list[Path]:
        """The files of these packages alone, verified."""
        self._ask("apt-get", "download", *packages, folder=self._archives)
        return sorted(self._archives.glob("*.deb"))

    def fetch(self, packages: Sequence[str]) -> list[Path]:
        """The files of the packages and of what apt would install with them, verified."""
        self._ask("apt-get", "install", "--download-only", "--no-install-recommends", "-y", *packages)
        return sorted(self._archives.glob("*.deb"))

    def _ask(self, command: str, *arguments: str, folder: Path | None = None) -> str:
        """The mirror's name stays out of what goes wrong: that may end up in a table that is published."""
        try:
            return ask(command, *self._options, *arguments, folder=folder)
        except Unavailable as error:
            told = self._doubt or str(error)
            for host in self._hosts:
                told = told.replace(host, "MIRROR")
            raise Unavailable(re.sub(r" \[IP: [^]]*\]", "", told)) from None


def sources(suite: str, mirrors: Mirrors, keyring: Path | None) -> str:
    """Lines for sources.list. Without a keyring the keys decide that the machine trusts in general.

    Signatures are verified. The date until which an index is valid is not: old suites and frozen mirrors are past it.
    """
    options = "target=Packages lang=none check-valid-until=no"
    if keyring:
        options += f" signed-by={keyring}"
    places = [f"{address} {suite}" for address in mirrors.main]
    if suite not in ("sid", "unstable"):
        places += [f"{address} {suite}-security" for address in mirrors.security]
    return "".join(f"deb [{options}] {place} main\n" for place in places)


def names(answer: str) -> list[str]:
    """The packages in what `apt-cache depends --recurse` prints."""
    return [line for line in answer.splitlines() if re.match(r"[a-z0-9]", line)]


def archives(answer: str) -> tuple[str, ...]:
    """The file names in what `apt-get download --print-uris` prints."""
    return tuple(sorted(_ARCHIVE.findall(answer)))


def complaint(answer: str) -> str:
    """The line in what apt said that tells most: a key that is missing, else an error, else a warning, else nothing."""
    lines = [line.strip() for line in answer.splitlines()]
    found = (line for telling in ("NO_PUBKEY", "E: ", "W: ", "Err:") for line in lines if telling in line)
    return next(found, "")


def unpack(archives: Iterable[Path], tree: Path) -> None:
    """Lays packages over what is in a directory, with /bin, /sbin and /lib being those in /usr, as installers do now.

    Raises:
        Unavailable: an archive is damaged, or the disk full.
    """
    for name in _MERGED:
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(f"usr/{name}")
    for archive in archives:
        ask("bash", "-c", _UNPACK, archive, "-C", tree, *_LEFT_OUT)


def _private(folder: Path, places: dict[str, str], architecture: str = "") -> list[str]:
    """Options for apt: its state is in the folder; of the machine's configuration proxies, passwords and keys stay."""
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    architecture = architecture or ask("dpkg", "--print-architecture").strip()
    settings = {
        "Dir::State": str(folder),
        "Dir::State::status": f"{folder}/status",
        "Dir::Cache": str(folder),
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",  # apt's own user cannot enter a cache directory below a home
        "APT::Update::Error-Mode": "any",  # else a mirror that does not answer is no failure
    }
    lines = [f"#clear {name};" for name in _FORGOTTEN]
    lines += [f'{name} "{value}";' for name, value in (settings | _VERIFYING | places).items()]
    (folder / "apt.conf").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ["-c", f"{folder}/apt.conf", "-q"]


def ask(*command: str | Path, folder: Path | None = None) -> str:
    """What a command prints.

    Raises:
        Unavailable: it is not there, does not end or fails.
    """
    name = Path(command[0]).name
    environment = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
            timeout=_PATIENCE_S,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable(f"there is no {name}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name} does not end") from None
    if done.returncode:
        said = complaint(done.stderr) or " ".join(done.stderr.split())[-300:]
        raise Unavailable(said or f"{name} ended with {done.returncode}")
    return done.stdout
