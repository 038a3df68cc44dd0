"""Containers by the names of their control groups, as /proc/PID/cgroup shows them where these runtimes run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.proc.cgroup import cgroup

ID = "9687bac58d5c4d1606aa46af33d1a21c1d1652e0ac9fb3fc0fc86e3495f42869"
OTHER = "562a56986a84b3cd38d6a32ac43fdfcc8ad4d2473acf2839cbf549273f35c206"
POD = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b7632a2_a56e_4278_987a_22de18008dbe.slice"
USER = "user.slice/user-1000.slice/user@1000.service"


@pytest.mark.parametrize(
    "path",
    [
        f"/system.slice/docker-{ID}.scope",
        f"/system.slice/docker-{ID}.scope/init.scope",
        f"/docker/{ID}",
        f"/docker/{ID}/nested",
        f"/{USER}/app.slice/docker-{ID}.scope",
        f"/ecs/4b1d5ab6cd0d4a1bb4eb56b9b0b2e8dc/{ID}",
        f"/{POD}/cri-containerd-{ID}.scope",
        f"/kubepods/besteffort/pod3d6beaa3-0049-13ef-b68c-e073d73494b0/{ID}",
        f"/system.slice/containerd.service/kubepods-burstable-pod0b7632a2.slice:cri-containerd:{ID}",
        f"/system.slice/nerdctl-{ID}.scope",
        f"/default/{ID}",
        f"/{POD}/crio-{ID}.scope",
        f"/{POD}/crio-{ID}.scope/container",
        f"/kubepods/burstable/pod0b7632a2/crio-{ID}",
        f"/machine.slice/libpod-{ID}.scope",
        f"/machine.slice/libpod-{ID}.scope/container",
        f"/{USER}/user.slice/libpod-{ID}.scope/container",
        f"/{USER}/user.slice/user-libpod_pod_{OTHER}.slice/libpod-{ID}.scope/container",
        f"/{USER}/app.slice/redis.service/libpod-payload-{ID}",
        f"/libpod_parent/libpod-{ID}",
        f"/docker/{OTHER}/kubelet/{POD}/cri-containerd-{ID}.scope",
        f"/../../system.slice/docker-{ID}.scope",
    ],
)
def test_an_id_is_told_whole(path: str) -> None:
    assert cgroup(f"0::{path}\n".encode()) == (path, ID)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/lxc.payload.web", "web"),
        ("/lxc.payload.web/system.slice/cron.service", "web"),
        ("/lxc.payload.c1-2", "c1-2"),
        ("/lxc.payload/web/init.scope", "web"),
        ("/lxc/105/ns/init.scope", "105"),
        ("/machine.slice/machine-fedora.scope/payload", "fedora"),
        (r"/machine.slice/machine-fedora\x2d44.scope/payload/system.slice/cron.service", "fedora-44"),
        ("/machine.slice/machine-old.scope/init.scope", "old"),
        (r"/machine.slice/systemd-nspawn@debian\x2dtree.service/payload", "debian-tree"),
        (f"/lxc.payload.web/docker/{ID}", ID),
        (f"/docker/{ID}/lxc.payload.inner", "inner"),
    ],
)
def test_a_runtime_without_ids_has_names(path: str, name: str) -> None:
    assert cgroup(f"0::{path}\n".encode()) == (path, name)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/init.scope",
        "/system.slice/docker.service",
        "/system.slice/containerd.service",
        f"/{USER}/session.slice/pipewire.service",
        f"/{POD}",
        f"/{POD}/crio-conmon-{ID}.scope",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        "/libpod_parent/conmon",
        f"/{USER}/app.slice/redis.service/runtime",
        "/lxc.monitor.web",
        "/lxc.monitor/105",
        "/lxc",
        "/machine.slice/machine-fedora.scope/supervisor",
        "/machine.slice/systemd-nspawn@fedora.service/supervisor",
        r"/machine.slice/machine-qemu\x2d1\x2dvm1.scope/libvirt/emulator",
        f"/system.slice/docker-{ID[:-1]}.scope",
        f"/system.slice/docker-{ID}0.scope",
        f"/system.slice/var-lib-docker-containers-{ID}-mounts-shm.mount",
        "/process_api/c00a631623ba1b69cf68ea04ff96da49",
    ],
)
def test_what_is_beside_a_container_is_not_in_it(path: str) -> None:
    assert cgroup(f"0::{path}\n".encode()) == (path, None)


def test_a_hybrid_hierarchy_tells_in_whichever_part() -> None:
    lines = f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n0::/system.slice/containerd.service\n"
    assert cgroup(lines.encode()) == ("/system.slice/containerd.service", ID)
    assert cgroup(f"3:cpu,cpuacct:/docker/{ID}\n0::/\n".encode()) == (f"/docker/{ID}", ID)


def test_a_hostile_name_is_made_safe() -> None:
    assert cgroup(b"0::/lxc.payload.\x1b[31m\xff\n").container == r"\x1b[31m\xff"


@given(st.binary(max_size=300) | st.text("/:0abcdlxc.-payload", max_size=300).map(str.encode))
def test_any_lines_are_a_path_and_perhaps_a_name_in_one(lines: bytes) -> None:
    path, container = cgroup(lines)
    assert path.isprintable()
    assert container is None or container.isprintable()
