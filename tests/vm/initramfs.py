"""The first file system of a guest: busybox, what finds the disks, and the modules that a kernel needs for them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def initramfs(busybox: Path, modules: tuple[Path, ...], arguments: tuple[str, ...]) -> bytes:
    """An archive for `qemu -initrd`; the modules are loaded in their order, the arguments are pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        for name in ("dev", "proc", "sys", "root", "modules"):
            (stage / name).mkdir()
        shutil.copy(busybox, stage / "busybox")
        for module in modules:
            shutil.copy(module, stage / "modules")
        for name in ("init", "guest"):
            shutil.copy(HERE / f"{name}.sh", stage / name)
            (stage / name).chmod(0o755)
        (stage / "arguments").write_text("".join(f"{argument}\n" for argument in arguments))
        names = "\n".join(str(path.relative_to(stage)) for path in sorted(stage.rglob("*")))
        command = [shutil.which("busybox") or "/bin/busybox", "cpio", "-o", "-H", "newc"]
        return subprocess.run(command, check=True, cwd=stage, input=names.encode(), capture_output=True).stdout
