"""Faulty behaviors of a token endpoint, each scripted for one call: `server.script(answers(503), reset())`."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ABSENT = object()


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, document: Any, **headers: str) -> "Answer":
        named = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return cls(status, json.dumps(document).encode(), named)


# Returns the regular response; calling it consumes the request's code or refresh token.
Genuine = Callable[[], Answer]
# Sends a response, or breaks the connection.
Send = Callable[[socket.socket, Answer], None]


@dataclass(frozen=True)
class Behavior:
    """`decide` creates the response, with or without calling `genuine`; `send` writes it to the socket."""

    decide: Callable[[Genuine], Answer] = lambda genuine: genuine()
    send: Send | None = None
    before_reading: bool = False


def answers(status: int, body: bytes = b"{}", *, processed: bool = False, **headers: str) -> Behavior:
    """A fixed response. `processed`: the request is processed nevertheless."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}

    def decide(genuine: Genuine) -> Answer:
        if processed:
            genuine()
        return Answer(status, body, named)

    return Behavior(decide)


def refuses(code: str, *, status: int = 400) -> Behavior:
    """An error response (RFC 6749, 5.2)."""
    return answers(status, json.dumps({"error": code}).encode())


def altered(**fields: Any) -> Behavior:
    """The regular response with changed fields; ABSENT removes a field."""

    def decide(genuine: Genuine) -> Answer:
        answer = genuine()
        document = json.loads(answer.body) | fields
        kept = {name: value for name, value in document.items() if value is not ABSENT}
        return Answer(answer.status, json.dumps(kept).encode(), answer.headers)

    return Behavior(decide)


def huge(megabytes: int = 10) -> Behavior:
    """The regular response with padding."""
    return altered(padding="x" * (megabytes * 1_000_000))


def bomb() -> Behavior:
    """A processed request whose response is 50 MB of zeros in 50 kB of gzip."""

    def decide(genuine: Genuine) -> Answer:
        genuine()
        body = gzip.compress(b" " * 50_000_000)
        return Answer(200, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})

    return Behavior(decide)


def truncated() -> Behavior:
    """Truncated JSON with a matching Content-Length."""

    def decide(genuine: Genuine) -> Answer:
        answer = genuine()
        return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)

    return Behavior(decide)


def broken_off() -> Behavior:
    """Half of the body's Content-Length, then the connection is closed."""

    def send(connection: socket.socket, answer: Answer) -> None:
        connection.sendall(wire(answer)[: -len(answer.body) // 2])

    return Behavior(send=send)


def dripped(over: threading.Event) -> Behavior:
    """One byte at a time, until `over` is set."""

    def send(connection: socket.socket, answer: Answer) -> None:
        for byte in wire(answer):
            connection.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    return Behavior(send=send)


def reset(*, before_reading: bool = False, processed: bool = True) -> Behavior:
    """A TCP reset instead of a response."""

    def decide(genuine: Genuine) -> Answer:
        return genuine() if processed and not before_reading else Answer()

    def send(connection: socket.socket, answer: Answer) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return Behavior(decide, send, before_reading)


def wire(answer: Answer) -> bytes:
    """The response as HTTP/1.1."""
    headers = {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
