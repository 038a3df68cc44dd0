"""What apt prints, as it printed it; hosts are changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm.apt import AptError, Mirrors, archives, complaint, kernel_packages, read_mirrors, sources
from tests.vm.kernels import insertions

TARGETS = """\
\tcloud-sdk-bookworm\tmain\thttps://vendor.example/apt/
Debian\tbookworm\tmain\thttp://mirror.example/debian/
Debian\tbookworm-updates\tmain\thttp://mirror.example/debian/
Debian\tbookworm-security\tmain\thttp://mirror.example/debian-security/
. nodistro\tnodistro\tmain\thttps://vendor.example/node_20.x/
"""

DEPENDS = """\
linux-image-cloud-amd64
  Depends: linux-base-cloud-amd64
  Depends: linux-image-7.2.13+deb14-cloud-amd64
linux-base-cloud-amd64
  Depends: linux-base-7.2.13+deb14-cloud-amd64
linux-image-7.2.13+deb14-cloud-amd64
  PreDepends: linux-base
 |Depends: dracut
 |Depends: initramfs-tools
  Depends: <linux-initramfs-tool>
    dracut
    initramfs-tools
    tiny-initramfs
  Depends: linux-base-7.2.13+deb14-cloud-amd64
  Depends: linux-binary-7.2.13+deb14-cloud-amd64
  Depends: linux-modules-7.2.13+deb14-cloud-amd64
linux-base-7.2.13+deb14-cloud-amd64
linux-base
 |Depends: debconf
linux-binary-7.2.13+deb14-cloud-amd64
  Depends: linux-base-7.2.13+deb14-cloud-amd64
linux-modules-7.2.13+deb14-cloud-amd64
  Depends: kmod
<linux-initramfs-tool>
"""

SHOWN = """\
insmod /tmp/root/lib/modules/6.1.0-56-amd64/kernel/crypto/crct10dif_common.ko
insmod /tmp/root/lib/modules/6.1.0-56-amd64/kernel/block/t10-pi.ko
insmod /tmp/root/lib/modules/6.1.0-56-amd64/kernel/drivers/nvme/host/nvme-core.ko
insmod /tmp/root/lib/modules/6.1.0-56-amd64/kernel/drivers/nvme/host/nvme.ko
insmod /tmp/root/lib/modules/6.1.0-56-amd64/kernel/crypto/crct10dif_common.ko
"""


def test_mirrors_are_those_that_have_debian() -> None:
    found = read_mirrors(TARGETS)
    assert found == Mirrors("http://mirror.example/debian/", "http://mirror.example/debian-security/")


@pytest.mark.parametrize("answer", ["", TARGETS.splitlines()[0]], ids=["no index was fetched", "only a vendor's"])
def test_a_machine_without_debian_is_told_so(answer: str) -> None:
    with pytest.raises(AptError, match="no mirror of Debian"):
        read_mirrors(answer)


def test_the_packages_of_a_kernel_are_found_through_its_meta_package() -> None:
    assert [name.partition("-7.2.13")[0] for name in kernel_packages(DEPENDS)] == [
        "linux-image",
        "linux-base",
        "linux-binary",
        "linux-modules",
    ]


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
        "http://mirror.example/debian-security/ trixie-security main",
    ]
    assert all("signed-by=/keys.gpg" in line and "trusted" not in line for line in lines)
    assert len(sources("sid", read_mirrors(TARGETS), None).splitlines()) == 1


def test_the_most_telling_complaint_is_told() -> None:
    key = (
        "W: GPG error: http://mirror.example/debian trixie InRelease: The following signatures couldn't be verified"
        " because the public key is not available: NO_PUBKEY 6ED0E7B82643E131"
    )
    unsigned = "E: The repository 'http://mirror.example/debian trixie InRelease' is not signed."
    assert complaint(f"Reading package lists...\n{key}\n{unsigned}\n") == key
    assert complaint(f"Reading package lists...\n{unsigned}\n") == unsigned
    assert complaint("Reading package lists...\n") == ""


def test_a_module_that_several_need_is_loaded_once_and_first() -> None:
    assert [path.name for path in insertions(SHOWN)] == ["crct10dif_common.ko", "t10-pi.ko", "nvme-core.ko", "nvme.ko"]
    assert insertions("builtin nvme\nbuiltin ext4\n") == ()
