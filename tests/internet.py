"""A small internet: names that a test gives addresses to, one public host, and a trap wherever else port 443 leads.

Both stubs sit at the lowest level that the product could ask: `socket.getaddrinfo` and `socket.socket.connect`. So
code that looks a name up twice, or leaves the lookup to the connection, gets the second answer.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import certifi
import pytest

from tests.servers import HttpServer, http_server, raw_server, self_signed

PUBLIC = "93.184.215.14"
HERE = "127.0.0.1"


@dataclass
class Internet:
    """`names` gives each name's answers, one after the other and then from the start again."""

    public: HttpServer
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    queried: list[str] = field(default_factory=list)
    # Addresses at port 443 that somebody connected to and that are not the public host's: all of them lead to the trap.
    trapped: list[str] = field(default_factory=list)

    def looked_up(self, host: str) -> list[str]:
        answers = self.names[host]
        self.queried.append(host)
        return answers[(self.queried.count(host) - 1) % len(answers)]


@contextmanager
def internet(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[Internet]:
    """With TLS for `names` at the public host, which the product trusts while it lasts."""
    context, trust = self_signed(folder, *names)
    over_tls = http_server(tls=context)
    with over_tls as public, raw_server(lambda peer, over: None) as trap:
        made = Internet(public)
        look_up, connect = socket.getaddrinfo, socket.socket.connect

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if host not in made.names:
                return look_up(host, port, *args, **kwargs)
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in made.looked_up(host)
            ]

        def connecting(sock: socket.socket, address: Any) -> None:
            host, port = address[:2] if isinstance(address, tuple) else ("", 0)
            if port != 443:
                connect(sock, address)
                return
            host = made.looked_up(host)[0] if host in made.names else host
            if host != PUBLIC:
                made.trapped.append(host)
            own = made.public.port if host == PUBLIC else trap
            connect(sock, (HERE if sock.family == socket.AF_INET else f"::ffff:{HERE}", own))

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", connecting)
        monkeypatch.setattr(certifi, "where", lambda: trust)
        yield made
