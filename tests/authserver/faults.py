"""What a token endpoint can do wrong. A behavior is scripted for one call: `server.script(answers(503), reset())`."""

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
    """What goes back over the socket."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, document: Any, **headers: str) -> "Answer":
        named = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return cls(status, json.dumps(document).encode(), named)


# Gives the answer by the server's rules; calling it uses up what the request carries.
Genuine = Callable[[], Answer]
# Sends an answer, or does something worse to the connection.
Send = Callable[[socket.socket, Answer], None]


@dataclass(frozen=True)
class Behaviour:
    """`decide` makes the answer (by calling `genuine` or not), `send` puts it on the wire."""

    decide: Callable[[Genuine], Answer] = lambda genuine: genuine()
    send: Send | None = None
    before_reading: bool = False


def answers(status: int, body: bytes = b"{}", *, processed: bool = False, **headers: str) -> Behaviour:
    """This answer, whatever was asked. `processed`: the server did what it was asked all the same."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}

    def decide(genuine: Genuine) -> Answer:
        if processed:
            genuine()
        return Answer(status, body, named)

    return Behaviour(decide)


def refuses(code: str, *, status: int = 400) -> Behaviour:
    """An error of RFC 6749 5.2."""
    return answers(status, json.dumps({"error": code}).encode())


def altered(**fields: Any) -> Behaviour:
    """The genuine answer with some fields changed; ABSENT takes one away."""

    def decide(genuine: Genuine) -> Answer:
        answer = genuine()
        document = json.loads(answer.body) | fields
        kept = {name: value for name, value in document.items() if value is not ABSENT}
        return Answer(answer.status, json.dumps(kept).encode(), answer.headers)

    return Behaviour(decide)


def huge(megabytes: int = 10) -> Behaviour:
    """The genuine answer with padding."""
    return altered(padding="x" * (megabytes * 1_000_000))


def bomb() -> Behaviour:
    """The genuine answer, used up, behind 50 MB of zeros in 50 kB of gzip."""

    def decide(genuine: Genuine) -> Answer:
        genuine()
        body = gzip.compress(b" " * 50_000_000)
        return Answer(200, body, {"Content-Type": "application/json", "Content-Encoding": "gzip"})

    return Behaviour(decide)


def truncated() -> Behaviour:
    """Half of the body, then an orderly end, with a length that says so: cut off in the JSON itself."""

    def decide(genuine: Genuine) -> Answer:
        answer = genuine()
        return Answer(200, answer.body[: len(answer.body) // 2], answer.headers)

    return Behaviour(decide)


def broken_off() -> Behaviour:
    """Half of the body that the length promises, then the end of the connection."""

    def send(connection: socket.socket, answer: Answer) -> None:
        connection.sendall(wire(answer)[: -len(answer.body) // 2])

    return Behaviour(send=send)


def dripped(over: threading.Event) -> Behaviour:
    """A byte at a time, never done until `over` is set."""

    def send(connection: socket.socket, answer: Answer) -> None:
        for byte in wire(answer):
            connection.sendall(bytes([byte]))
            if over.wait(0.05):
                return

    return Behaviour(send=send)


def reset(*, before_reading: bool = False, processed: bool = True) -> Behaviour:
    """A TCP reset instead of an answer."""

    def decide(genuine: Genuine) -> Answer:
        return genuine() if processed and not before_reading else Answer()

    def send(connection: socket.socket, answer: Answer) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return Behaviour(decide, send, before_reading)


def wire(answer: Answer) -> bytes:
    """The answer as HTTP/1.1."""
    headers = {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
