"""A cheap token endpoint for storms, in a process of its own: strict rotation after a fixed latency.

A refresh token reads `rt-<family>-<number>`, and only the last one of a family is accepted. GET gives the counts.
"""

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

from config.quickstart.processes import die_with_parent


class Endpoint:
    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._last: dict[str, int] = {}
        self._counts = {"calls": 0, "accepted": 0, "refused": 0, "most_at_once": 0}
        self._at_once = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        status, answer = (200, self._counts) if head.startswith(b"GET") else await self._token(body.decode())
        text = json.dumps(answer).encode()
        lines = f"HTTP/1.1 {status} Scripted", "Content-Type: application/json", f"Content-Length: {len(text)}", "", ""
        writer.write("\r\n".join(lines).encode() + text)
        await writer.drain()
        writer.close()

    async def _token(self, form: str) -> tuple[int, dict[str, object]]:
        self._at_once += 1
        self._counts["calls"] += 1
        self._counts["most_at_once"] = max(self._counts["most_at_once"], self._at_once)
        await asyncio.sleep(self._latency)
        self._at_once -= 1
        _, family, number = parse_qs(form)["refresh_token"][0].split("-")
        if int(number) != self._last.get(family, 0):
            self._counts["refused"] += 1
            return 400, {"error": "invalid_grant"}
        self._last[family] = int(number) + 1
        self._counts["accepted"] += 1
        names = {"access_token": f"at-{family}-{int(number) + 1}", "refresh_token": f"rt-{family}-{int(number) + 1}"}
        return 200, {**names, "token_type": "Bearer", "expires_in": 86_400}


async def _main(latency: float) -> None:
    server = await asyncio.start_server(Endpoint(latency).serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its parent reads it
    async with server:
        await server.serve_forever()


@contextmanager
def running_provider(latency: float) -> Iterator[str]:
    """Its origin, while the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.provider", str(latency)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def counts(origin: str) -> dict[str, int]:
    with urllib.request.urlopen(origin) as answer:  # noqa: S310 - our own server
        found: dict[str, int] = json.load(answer)
        return found


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
