"""What is read of Debian's kernel packages, in what apt and kmod print, as they printed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bcc.trees import RELEASES
from tests.debian import names
from tests.vm.kernels import KERNELS, insertions, kernel_packages
from tests.vm.machines import AARCH64, X86_64
from tests.vm.rootfs import of_release

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


def test_the_packages_of_a_kernel_are_found_through_its_meta_package() -> None:
    assert [name.partition("-7.2.13")[0] for name in kernel_packages(names(DEPENDS))] == [
        "linux-image",
        "linux-base",
        "linux-binary",
        "linux-modules",
    ]


def test_where_qemu_is_missing_only_kernels_of_that_machine_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / X86_64.qemu).touch(mode=0o755)
    assert {kernel.name for kernel in KERNELS if kernel.machine.missing()} == {"6.12-arm64"}
    assert AARCH64.missing() == "there is no qemu-system-aarch64 (package qemu-system-arm)"


def test_a_module_that_several_need_is_loaded_once_and_first() -> None:
    assert [path.name for path in insertions(SHOWN)] == ["crct10dif_common.ko", "t10-pi.ko", "nvme-core.ko", "nvme.ko"]
    assert insertions("builtin nvme\nbuiltin ext4\n") == ()


@pytest.mark.parametrize("name", sorted({kernel.bcc for kernel in KERNELS} - {""}))
def test_a_guest_has_all_that_a_release_of_bcc_is_tried_with_and_programs_besides(name: str) -> None:
    (release,) = (release for release in RELEASES if release.name == name)
    *before, (suite, packages) = of_release(name)
    assert [*before, (suite, packages[: len(release.parts[-1][1])])] == list(release.parts)
    assert {"python3", "busybox-static", "mount"} <= set(packages)
