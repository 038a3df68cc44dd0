"""Starts a program and reads what it prints, five times a second, with asyncio."""

from __future__ import annotations

import asyncio
import sys


async def main() -> None:
    while True:
        child = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
        told, _ = await child.communicate()
        sys.stdout.write(told.decode())
        sys.stdout.flush()
        await asyncio.sleep(0.2)


asyncio.run(main())
