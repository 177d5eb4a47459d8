"""A service on loopback: large bodies, controlled streams, an echo, and a token endpoint."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from config.quickstart.processes import die_with_parent

BLOCK = bytes(range(256)) * 256  # 64 KiB


@dataclass
class Upstream:
    """The state of the API at `/api`. `accepted` is the token that `/api/guarded` requires; None for any."""

    port: int = 0
    accepted: str | None = None
    token_calls: int = 0
    received: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    # Set by a test to send the next event of `/api/events`, and by the API when the client has disconnected.
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    waiting: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def any_method(self) -> None:
        self.upstream.lines.append(self.requestline)
        name = self.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        getattr(self, f"on_{name}", self.on_echo)()

    do_GET = do_POST = do_PUT = do_HEAD = any_method

    def on_token(self) -> None:
        self._body()
        with self.upstream.lock:
            self.upstream.token_calls += 1
            self.upstream.accepted = f"token-number-{self.upstream.token_calls}"
            answer = {"access_token": self.upstream.accepted, "token_type": "Bearer", "expires_in": 3600}
        self._answer(200, json.dumps({**answer, "refresh_token": "next"}).encode())

    def on_guarded(self) -> None:
        right = self.headers["Authorization"] == f"Bearer {self.upstream.accepted}"
        self._answer(200 if right else 401, b"{}")

    def on_echo(self) -> None:
        body = self._body()
        self._answer(200, json.dumps({"line": self.requestline, "headers": dict(self.headers), "size": body}).encode())

    def on_sink(self) -> None:
        self.upstream.received.append(self._body())
        self._answer(200, b"{}")

    def on_blob(self) -> None:
        size = int(self.path.partition("?")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        with suppress(OSError):
            for _ in range(size // len(BLOCK)):
                self.wfile.write(BLOCK)
            return
        self.upstream.hung_up.set()
        self.close_connection = True

    def on_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.upstream.go_on.acquire(timeout=60)
        self.wfile.write(b"0\r\n\r\n")

    def on_wait(self) -> None:
        """Never responds; detects when the client disconnects."""
        self._body()
        self.upstream.waiting.set()
        with suppress(OSError):
            self.connection.settimeout(60)
            if self.connection.recv(1) == b"":
                self.upstream.hung_up.set()
        self.close_connection = True

    def _body(self) -> int:
        """Read the body and return its length."""
        if self.headers["Transfer-Encoding"] == "chunked":
            size = 0
            while length := int(self.rfile.readline(), 16):
                size += self._skip(length)
                self.rfile.readline()
            self.rfile.readline()
            return size
        return self._skip(int(self.headers["Content-Length"] or 0))

    def _skip(self, length: int) -> int:
        left = length
        while left and (piece := self.rfile.read(min(left, len(BLOCK)))):
            left -= len(piece)
        return length - left

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # some tests close connections early


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run the service during the block."""
    record = Upstream()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"upstream": record}))
    record.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SMALL = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


async def _serve_small() -> None:
    waiting = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        with suppress(asyncio.IncompleteReadError, OSError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"/api/wait " in head:
                    waiting += 1
                    await reader.read()
                    waiting -= 1
                    break
                count = str(waiting).encode()
                counted = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(count), count)
                writer.write(counted if b"/api/waiting " in head else SMALL)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by the parent process
    async with server:
        await server.serve_forever()


@contextmanager
def upstream_process() -> Iterator[str]:
    """The origin of a service in a separate process that responds to every GET with a few bytes.

    `/api/wait` never responds, and `/api/waiting` says how many such requests are open.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.upstream"], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_serve_small())
