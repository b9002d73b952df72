"""The backend of `operator_vs_bare`: acknowledges every callback and logs its time of arrival."""

import asyncio
import json
import sys
import time
from pathlib import Path


async def main(log: Path) -> None:
    with log.open("a") as file:

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].split()[0])
            body = json.loads(await reader.readexactly(length))
            file.write(f"{body['job_id']} {body.get('progress', 0)} {time.monotonic()}\n")
            file.flush()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1000)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
