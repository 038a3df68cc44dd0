"""A private apt: this machine's mirrors, keys and proxies, but another suite and nothing installed."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_KERNEL_PACKAGE = re.compile(r"linux-(image|base|binary|modules)-\d\S+")
_ENVIRONMENT = os.environ | {"LC_ALL": "C.UTF-8"}
DEPENDS_ONLY = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
_ARCHIVE = re.compile(r"'\S+' (\S+\.deb) ")


class AptError(Exception):
    """What apt answered, on one line."""


@dataclass(frozen=True)
class Mirrors:
    """Where this machine has Debian from; with "/" at the end."""

    main: str
    security: str | None


def configured_mirrors(folder: Path) -> Mirrors:
    """Those in the machine's sources, whatever suite they are asked for there.

    Whose a mirror is stands in its index. Images of containers often have none; then it is fetched into the folder.

    Raises:
        AptError: it has none.
    """
    columns = "\t".join(f"$({name})" for name in ("ORIGIN", "RELEASE", "COMPONENT", "REPO_URI"))
    question = ["indextargets", "--format", columns, "Created-By: Packages"]
    try:
        return read_mirrors(_ask(["apt-get", *question]))
    except AptError:
        private = _private(folder, {})
        subprocess.run(["apt-get", *private, "update"], check=False, capture_output=True, env=_ENVIRONMENT)
        return read_mirrors(_ask(["apt-get", *private, *question]))


def read_mirrors(answer: str) -> Mirrors:
    """From lines of origin, suite, component and address.

    Raises:
        AptError: none of them is Debian's.
    """
    rows = [line.split("\t") for line in answer.splitlines()]
    ours = [(suite, address) for origin, suite, part, address in rows if (origin, part) == ("Debian", "main")]
    main = [address for suite, address in ours if not suite.endswith("-security")]
    security = [address for suite, address in ours if suite.endswith("-security")]
    if not main:
        raise AptError("no mirror of Debian is among this machine's package sources")
    return Mirrors(main[0], security[0] if security else None)


def kernel_packages(answer: str) -> tuple[str, ...]:
    """Of the closure that `apt-cache depends --recurse` prints, those that hold a kernel, without the meta package."""
    return tuple(line for line in answer.splitlines() if _KERNEL_PACKAGE.fullmatch(line))


def archives(answer: str) -> tuple[str, ...]:
    """The file names in what `apt-get download --print-uris` prints; each has the version in it."""
    return tuple(sorted(_ARCHIVE.findall(answer)))


class Suite:
    """One suite of the archive, and its security updates."""

    def __init__(self, name: str, mirrors: Mirrors, folder: Path) -> None:
        """Makes the folder; the indexes stay in it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text(sources(name, mirrors, _KEYRING if _KEYRING.exists() else None))
        places = {f"Dir::Etc::{name}": "/dev/null" for name in ("sourceparts", "preferences", "preferencesparts")}
        self._options = _private(folder, places | {"Dir::Etc::sourcelist": f"{folder}/sources.list"})
        self._hosts = [host for host in map(_host, (mirrors.main, mirrors.security or "")) if host]
        self._doubt = ""

    def update(self) -> None:
        """Fetches the indexes. What could not be had is told with the first package that is missing."""
        command = ["apt-get", *self._options, "update"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=_ENVIRONMENT)
        self._doubt = complaint(done.stdout + done.stderr)

    def kernel_packages(self, meta: str) -> tuple[str, ...]:
        """What a meta package names today.

        Raises:
            AptError: the suite has no such package, or its index could not be had or verified.
        """
        answer = self._apt("apt-cache", "depends", "--recurse", *DEPENDS_ONLY, meta)
        return kernel_packages(answer)

    def archives(self, packages: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the files that `download` would fetch."""
        return archives(self._apt("apt-get", "download", "--print-uris", *packages))

    def download(self, packages: tuple[str, ...], into: Path) -> None:
        """Fetches and verifies the packages' files."""
        self._apt("apt-get", "download", *packages, folder=into)

    def _apt(self, command: str, *arguments: str, folder: Path | None = None) -> str:
        """The mirror's name stays out of what goes wrong: that may end up in a table that is published."""
        try:
            return _ask([command, *self._options, *arguments], folder)
        except AptError as error:
            told = self._doubt or str(error)
            for host in self._hosts:
                told = told.replace(host, "MIRROR")
            raise AptError(re.sub(r" \[IP: [^]]*\]", "", told)) from None


def sources(suite: str, mirrors: Mirrors, keyring: Path | None) -> str:
    """Lines for sources.list. Without a keyring the keys decide that the machine trusts in general.

    Signatures are verified. The date until which an index is valid is not: old suites and frozen mirrors are past it.
    """
    options = "arch=amd64 target=Packages lang=none check-valid-until=no"
    if keyring:
        options += f" signed-by={keyring}"
    lines = [f"deb [{options}] {mirrors.main} {suite} main"]
    if mirrors.security and suite not in ("sid", "unstable"):
        lines.append(f"deb [{options}] {mirrors.security} {suite}-security main")
    return "".join(f"{line}\n" for line in lines)


def complaint(answer: str) -> str:
    """The line in what apt said that tells most: a key that is missing, else an error, else a warning, else nothing."""
    lines = [line.strip() for line in answer.splitlines()]
    for telling in ("NO_PUBKEY", "E: ", "W: ", "Err:"):
        for line in lines:
            if telling in line:
                return line
    return ""


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _private(folder: Path, places: dict[str, str]) -> list[str]:
    """Options for apt: its state is in the folder; of the machine's configuration proxies, passwords and keys stay."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    settings = places | {
        "Dir::State": f"{folder}/state",
        "Dir::State::status": f"{folder}/status",
        "Dir::Cache": f"{folder}/cache",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "",  # apt's own user cannot enter a cache directory below a home
    }
    forgotten = ("APT::Update", "APT::Architectures", "DPkg::Post-Invoke")  # hooks are for the machine's own packages
    lines = [f"#clear {name};" for name in forgotten] + [f'{name} "{value}";' for name, value in settings.items()]
    (folder / "apt.conf").write_text("\n".join(lines) + "\n")
    return ["-c", str(folder / "apt.conf"), "-q"]


def _ask(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=_ENVIRONMENT)
    if done.returncode:
        raise AptError(complaint(done.stderr) or f"{command[0]} ended with {done.returncode}")
    return done.stdout
