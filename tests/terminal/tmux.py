"""A terminal with a shell in it, seen and typed at from outside: tmux with a server of its own."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.waiting import PATIENCE_S, eventually

PROMPT = "READY>"


class Terminal:
    """One pane."""

    def __init__(self, directory: Path, *, width: int = 120, height: int = 36) -> None:
        self._name = f"epolltop-test-{secrets.token_hex(4)}"
        self._environment = {
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "TMUX_TMPDIR": str(directory),
            "TZ": "UTC",
        }
        shell = f"exec env PS1='{PROMPT}' bash --norc --noprofile -i"
        self.tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(directory), shell
        )
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.shell_pid = int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def tmux(self, *arguments: str) -> str:
        ended = subprocess.run(
            ["tmux", "-L", self._name, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return ended.stdout

    def close(self) -> None:
        """Ends the server and with it whatever runs in the pane."""
        self.tmux("kill-server")

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def coloured(self) -> str:
        return self.tmux("capture-pane", "-p", "-e")

    def until(self, condition: Callable[[str], object]) -> str:
        """The text of the screen as soon as it is as wanted."""

        def seen() -> str:
            text = self.text
            assert condition(text), text
            return text

        return eventually(seen, PATIENCE_S)

    def sees(self, *texts: str) -> str:
        return self.until(lambda screen: all(text in screen for text in texts))

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: Enter, Escape, Space, F10, C-c."""
        self.tmux("send-keys", *keys)

    def command(self, line: str) -> None:
        self.type(line)
        self.press("Enter")

    def resize(self, width: int, height: int) -> None:
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def child(self) -> int:
        """The program that the shell started."""
        path = Path(f"/proc/{self.shell_pid}/task/{self.shell_pid}/children")
        return int(eventually(lambda: path.read_text().split(), PATIENCE_S)[0])

    def signal(self, number: int) -> None:
        os.kill(self.child(), number)

    def status(self) -> int:
        """Exit code of what ran last, after the prompt is back."""
        self.back()
        self.command("echo status=$?")
        found = re.search(r"^status=(\d+)$", self.until(lambda text: re.search(r"^status=\d", text, re.M)), re.M)
        assert found
        return int(found[1])

    def back(self) -> str:
        """The screen as soon as the prompt is the last thing on it."""
        return self.until(lambda text: text.rstrip().endswith(PROMPT))

    def state(self) -> str:
        """How the terminal is set: what programs change and must give back."""
        modes = self.tmux(
            "display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{bracket_paste_flag}"
        )
        tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        with open(tty) as terminal:
            line = subprocess.run(["stty", "-g"], stdin=terminal, capture_output=True, text=True, check=True).stdout
        return f"{modes.strip()} {line.strip()}"
