"""What the tests of egress share: an empty allow-list, and a server that speaks TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import egress
from apps.egress import destination
from tests.servers import HttpServer, http_server, self_signed


@pytest.fixture(autouse=True)
def own_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[HttpServer, str, list[str | None]]]:
    """A server for secure.test, the file to trust it by, and the names that clients asked for."""
    context, trust = self_signed(tmp_path, "secure.test")
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, context: asked.append(name)
    with http_server(tls=context) as running:
        running.will_answer(200, b"secure")
        egress.configure(allowed_hosts=["secure.test", "other.test"])
        yield running, trust, asked
