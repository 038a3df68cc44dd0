"""What a process runs its loops on, by signs in its code and by how it waits."""

from __future__ import annotations

import pytest

from epolltop.model.bounds import RUNTIMES_MAX
from epolltop.model.loop_activity import Turn, WaitCall
from epolltop.model.runtimes import FINGERPRINTS, Runtime, recognised, signs_of
from tests.support.records import turn

WAIT, PWAIT, PWAIT2 = WaitCall.EPOLL_WAIT, WaitCall.EPOLL_PWAIT, WaitCall.EPOLL_PWAIT2
DYNLOAD = "/usr/lib/python3.11/lib-dynload"


def waits(call: WaitCall, maxevents: int) -> Turn:
    return turn(1000, call=call, maxevents=maxevents)


def test_names_are_unique_and_each_can_be_recognised() -> None:
    assert len({each.name for each in FINGERPRINTS}) == len(FINGERPRINTS) < RUNTIMES_MAX
    for each in FINGERPRINTS:
        assert each.signs or each.maxevents.usual, each.name
        assert each.maxevents.usual is None or each.maxevents.fits(each.maxevents.usual), each.name


@pytest.mark.parametrize(
    ("executable", "libraries", "sections", "expected"),
    [
        ("/usr/sbin/nginx", [], [], ("nginx",)),
        ("/usr/bin/redis-check-rdb", ["/lib/libsystemd.so.0.35.0"], [], ("redis",)),
        ("/usr/bin/memcached", ["/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7.0.1"], [], ("libevent",)),
        ("/usr/bin/python3.11", [f"{DYNLOAD}/_asyncio.cpython-311-x86_64-linux-gnu.so"], [],
         ("asyncio", "select.epoll")),
        ("/v/bin/python", ["/v/lib/site-packages/uvloop/loop.cpython-311-x86_64-linux-gnu.so"], [],
         ("uvloop", "select.epoll")),
        ("/v/bin/python", ["/v/gevent/libev/corecext.cpython-311-x86_64-linux-gnu.so"], [], ("libev", "select.epoll")),
        ("/usr/bin/java", ["/usr/lib/jvm/lib/libnio.so", "/tmp/libnetty_transport_native_epoll_x86_6412345.so"], [],
         ("netty", "java-nio")),
        ("/usr/bin/caddy", [], [".text", ".gopclntab"], ("go",)),
        ("/lib/systemd/systemd-networkd", ["/lib/systemd/libsystemd-shared-252.so"], [], ("sd-event",)),
        ("/tmp/nginx/sh", ["/tmp/loop.x.so", "/tmp/uvloop/loop.so"], [".text"], ()),
        ("/tmp/nginx\n", ["/tmp/libuv.so\n.evil\n"], [], ("libuv",)),
        ("/tmp/xnginx", ["/tmp/libuv_so"], [".gopclntab.x"], ()),
        ("", [], [], ()),
    ],
)  # fmt: skip
def test_signs_are_names_of_files_and_sections(
    executable: str, libraries: list[str], sections: list[str], expected: tuple[str, ...]
) -> None:
    assert signs_of(executable, libraries, sections) == expected


@pytest.mark.parametrize(
    ("signs", "asked", "expected"),
    [
        # The code and the waits agree.
        (("nginx",), waits(WAIT, 512), Runtime("nginx", True)),
        (("libevent",), waits(WAIT, 128), Runtime("libevent", True)),
        (("uvloop", "asyncio", "select.epoll"), waits(PWAIT, 1024), Runtime("uvloop", True)),
        (("uvloop", "asyncio", "select.epoll"), waits(WAIT, 7), Runtime("asyncio", True)),
        (("asyncio", "select.epoll"), waits(WAIT, 1023), Runtime("select.epoll", True)),
        (("netty", "java-nio"), waits(WAIT, 8192), Runtime("netty", True)),
        (("netty", "java-nio"), waits(WAIT, 1024), Runtime("java-nio", True)),
        # They do not, or nobody saw it wait.
        (("nginx",), waits(WAIT, 1023), Runtime("nginx", False)),
        (("nginx", "asyncio"), None, Runtime("nginx", False)),
        (("node",), waits(WAIT, 1024), Runtime("node", False)),
        (("uvloop", "asyncio", "select.epoll"), waits(WAIT, 1024), Runtime("uvloop", False)),
        # Waits alone.
        ((), waits(WAIT, 512), Runtime("nginx", False)),
        ((), waits(PWAIT, 1024), Runtime("libuv", False)),
        ((), waits(WAIT, 1024), Runtime("tokio", False)),
        ((), waits(PWAIT, 128), Runtime("go", False)),
        (None, waits(WAIT, 200), Runtime("haproxy", False)),
        # Several wait like this: where the code could not be read, java.nio and tokio; libevent and Envoy.
        (None, waits(WAIT, 1024), None),
        (None, waits(WAIT, 32), None),
        ((), waits(WAIT, 5), None),
        ((), None, None),
        (None, None, None),
        (("of a later epolltop",), waits(WAIT, 512), Runtime("nginx", False)),
    ],
)  # fmt: skip
def test_it_is_certain_if_code_and_waits_agree(
    signs: tuple[str, ...] | None, asked: Turn | None, expected: Runtime | None
) -> None:
    assert recognised(signs, asked, "x86_64") == expected


def test_where_there_is_no_epoll_wait_the_c_library_asks_by_another_call() -> None:
    assert recognised(("nginx",), waits(PWAIT, 512), "aarch64") == Runtime("nginx", True)
    assert recognised(("nginx",), waits(PWAIT, 512), "x86_64") == Runtime("nginx", False)
    assert recognised((), waits(PWAIT, 1024), "aarch64") is None, "libuv, or tokio"
