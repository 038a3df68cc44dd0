"""An echo service with asyncio on uvloop, on the port that it is given; for an interpreter that has uvloop."""

from __future__ import annotations

import asyncio
import sys

import uvloop  # type: ignore[import-not-found, unused-ignore]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.install()
asyncio.run(main())
