from __future__ import annotations

import subprocess
import sys

ASK = """
import ctypes, os
from epolltop.own_process.environment import hide_environment
hide_environment()
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print([name for name in sorted(os.environ) if getenv(name.encode())], "CPATH" in os.environ)
"""


def test_native_code_sees_only_what_says_how_people_read() -> None:
    given = {"CPATH": "/tmp", "TMPDIR": "/tmp", "HOME": "/tmp", "ARCH": "x", "LC_ALL": "C", "TZ": "UTC"}
    asked = subprocess.run([sys.executable, "-c", ASK], env=given, capture_output=True, text=True, check=True)

    assert asked.stdout == "['LC_ALL', 'TZ'] True\n"
