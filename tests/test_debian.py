"""Packages of other suites: what apt prints, as it printed it (hosts are changed), and apt itself with a folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.debian import Mirrors, Suite, Unavailable, archives, complaint, read_mirrors, sources, unpack

TARGETS = """\
\t\thttps://vendor.example/apt/
Debian\tDebian\thttp://mirror.example/debian/
Debian\tDebian\thttp://mirror.example/debian/
Debian\tDebian-Security\thttp://mirror.example/debian-security/
Debian\tDebian\thttp://another.example/debian/
. nodistro\t. nodistro\thttps://vendor.example/node_20.x/
"""

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt-get")


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Path:
    """A package with a library, where packages had them before /lib was a link, and a manual."""
    content = {"DEBIAN/control": "Package: old\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: old\n"}
    for name, text in (content | {"lib/old.so": "old", "usr/share/doc/old/manual": "long"}).items():
        path = tmp_path / "old" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    made = tmp_path / "debian" / "old_1_all.deb"
    made.parent.mkdir()
    subprocess.run(["dpkg-deb", "-b", tmp_path / "old", made], check=True, capture_output=True)
    return made


def test_mirrors_are_those_that_have_debian() -> None:
    assert read_mirrors(TARGETS) == Mirrors(
        main=("http://mirror.example/debian/", "http://another.example/debian/"),
        security=("http://mirror.example/debian-security/",),
    )


@pytest.mark.parametrize("answer", ["", TARGETS.splitlines()[0]], ids=["no index was fetched", "only a vendor's"])
def test_a_machine_without_debian_is_told_so(answer: str) -> None:
    with pytest.raises(Unavailable, match="no mirror of Debian"):
        read_mirrors(answer)


def test_names_of_archives_have_the_version() -> None:
    line = (
        "'http://mirror.example/debian/pool/main/l/linux-signed-amd64/linux-image-cloud-amd64_7.2.13-1_amd64.deb'"
        " linux-image-cloud-amd64_7.2.13-1_amd64.deb 1708"
        " SHA256:6f0b2361dee2520fca3bd073a2734bec00241d2cb5779d917edc862051d8f59c\n"
    )
    assert archives(line) == ("linux-image-cloud-amd64_7.2.13-1_amd64.deb",)


def test_a_suite_is_asked_of_the_same_mirrors_and_its_signature_is_verified() -> None:
    lines = sources("trixie", read_mirrors(TARGETS), Path("/keys.gpg")).splitlines()
    assert [line.partition("] ")[2] for line in lines] == [
        "http://mirror.example/debian/ trixie main",
        "http://another.example/debian/ trixie main",
        "http://mirror.example/debian-security/ trixie-security main",
    ]
    assert all("signed-by=/keys.gpg" in line and "trusted" not in line for line in lines)
    assert "security" not in sources("sid", read_mirrors(TARGETS), None)


@needs_apt
def test_what_is_not_signed_is_not_taken(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "careless").write_text(
        'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";', encoding="utf-8"
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "careless"))
    index = archive.parent / "dists" / "sid" / "main"
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout
    packages = index / f"binary-{architecture.strip()}" / "Packages"
    packages.parent.mkdir(parents=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    file = f"Filename: {archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"
    packages.write_text((tmp_path / "old" / "DEBIAN" / "control").read_text(encoding="utf-8") + file, encoding="utf-8")
    (index.parent / "Release").write_text("Origin: Debian\nCodename: sid\nComponents: main\n", encoding="utf-8")
    suite = Suite("sid", Mirrors((f"file:{archive.parent}/",)), tmp_path / "apt")
    for attempt in (suite.download, suite.fetch, suite.versions):
        with pytest.raises(Unavailable, match="is not signed"):
            attempt(["old"])


@needs_apt
def test_a_mirror_that_refuses_stays_unnamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost")
    with ThreadingHTTPServer(("localhost", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mirror = f"http://localhost:{server.server_port}/debian/"
        suite = Suite("sid", Mirrors((mirror,)), tmp_path / "apt")
        server.shutdown()
    with pytest.raises(Unavailable, match=r"^E: .*MIRROR") as error:
        suite.closure("python3")
    assert "localhost" not in str(error.value)


def test_the_most_telling_complaint_is_told() -> None:
    key = (
        "W: GPG error: http://mirror.example/debian trixie InRelease: The following signatures couldn't be verified"
        " because the public key is not available: NO_PUBKEY 6ED0E7B82643E131"
    )
    unsigned = "E: The repository 'http://mirror.example/debian trixie InRelease' is not signed."
    assert complaint(f"Reading package lists...\n{key}\n{unsigned}\n") == key
    assert complaint(f"Reading package lists...\n{unsigned}\n") == unsigned
    assert complaint("Reading package lists...\n") == ""


@needs_apt
def test_packages_are_unpacked_to_where_links_lead(archive: Path, tmp_path: Path) -> None:
    unpack([archive, archive], tmp_path / "tree")
    assert (tmp_path / "tree" / "usr" / "lib" / "old.so").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "tree" / "lib").is_symlink()
    assert not list((tmp_path / "tree").rglob("manual"))


@needs_apt
def test_a_damaged_package_is_told(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(Unavailable, match="dpkg-deb"):
        unpack([archive], tmp_path / "tree")
