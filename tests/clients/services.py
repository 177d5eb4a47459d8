"""What is around the product: two services with the shapes of vendors' APIs, and a receiver of webhooks."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.processes import wait_for


@dataclass
class Surroundings:
    """`requests`: method, path with query, Authorization and body of those to the services. `messages`: webhooks."""

    port: int = 0
    requests: list[tuple[str, str, str, str]] = field(default_factory=list)
    messages: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hooks(self, name: str) -> str:
        """The URL of a receiver."""
        return f"{self.origin}/hooks/{name}"

    def message(self, receiver: str, event: str, holding: str) -> tuple[dict[str, str], str]:
        """Headers and body of the first message about this event that contains the text, as soon as it came."""
        found: tuple[str, dict[str, str], str] = wait_for(
            lambda: next((one for one in self.messages if self._is(one, receiver, event, holding)), None),
            seconds=60,
        )
        return found[1:]

    def _is(self, message: tuple[str, dict[str, str], str], receiver: str, event: str, holding: str) -> bool:
        path, _, body = message
        return path == f"/hooks/{receiver}" and json.loads(body)["type"] == event and holding in body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    around: Surroundings

    def any_method(self) -> None:
        body = self._body().decode()
        if self.path.startswith("/hooks/"):
            self.around.messages.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            return self._answer(200, {})
        if self.path == "/github/events":
            return self._events()
        if self.path == "/github/go-on":
            self.around.go_on.release()
        self.around.requests.append((self.command, self.path, self.headers["Authorization"] or "", body))
        return self._answer(*_response(self.command, self.path, body))

    do_GET = do_POST = do_PUT = do_PATCH = any_method

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        blocks = b""
        while length := int(self.rfile.readline(), 16):
            blocks += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return blocks

    def _events(self) -> None:
        """One event at once, and one after the caller has called `go-on`."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in (1, 2):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            if number == 1 and not self.around.go_on.acquire(timeout=60):
                break  # the first event did not arrive before the second
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # programs end with open connections


def _response(method: str, path: str, body: str) -> tuple[int, Any]:
    """Slack's chat.postMessage, GitHub's issues and Stripe's customers, as far as their SDKs look at them."""
    match method, path.partition("?")[0]:
        case "POST", "/slack/api/chat.postMessage":
            return 200, {"ok": True, "channel": "C1", "message": {"text": "hello"}}
        case "POST", "/github/repos/octo/hello/issues":
            return 201, {"number": 7, "title": json.loads(body)["title"]}
        case "POST", "/github/v1/customers":
            return 200, {"id": "cus_1", "object": "customer", "email": "ada@example.com"}
        case "GET", "/github/missing":
            return 404, {"message": "Not Found"}
    return 200, {"path": path, "size": len(body)}


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    """All of it at one port, as long as the block."""
    around = Surroundings()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"around": around}))
    around.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield around
    finally:
        server.shutdown()
        server.server_close()
