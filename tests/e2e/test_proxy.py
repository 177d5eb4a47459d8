"""The proxy under the real web server: large bodies in little memory, streams as they come, clients that go away."""

import http.client
import json
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest
import requests

from apps.connections.errors import TooManyCalls
from tests.config.test_gunicorn import is_refused
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, Inside, inside
from tests.e2e.processes import wait_for
from tests.processes import Product, running_product
from tests.upstream import BLOCK, Upstream, upstream

pytestmark = pytest.mark.xdist_group("e2e_proxy")
MB = 1024 * 1024
LARGE = 200 * MB


@dataclass
class Place:
    product: Product
    inside: Inside
    service: Upstream
    connection: str
    key: str
    full_key: str

    def url(self, rest: str) -> str:
        return f"{self.product.url}/api/v1/connections/{self.connection}/proxy/{rest}"

    def headers(self, *, full: bool = True) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.full_key if full else self.key}"}

    def worker(self) -> psutil.Process:
        """The web server's worker process: the one without children of its own."""
        shell = psutil.Process(self.product.processes["web0"].pid)
        (worker,) = [each for each in shell.children(recursive=True) if not each.children()]
        return worker


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with upstream() as service:
        env = {"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{service.port}", "LOG_LEVEL": "INFO"}
        folder = tmp_path_factory.mktemp("proxy")
        with (
            running_product(folder, worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            made = look.run(CONNECT_UPSTREAM, origin=service.url, token=UPSTREAM_TOKEN)
            yield Place(product, look, service, *made)


@contextmanager
def memory(place: Place) -> Iterator[list[int]]:
    """Samples the worker's resident memory; the list holds how much it grew at most (bytes) after the block."""
    requests.get(place.url("echo"), headers=place.headers(), timeout=60).raise_for_status()
    worker, over = place.worker(), threading.Event()
    before = worker.memory_info().rss
    seen, grown = [before], []

    def watch() -> None:
        while not over.wait(0.01):
            seen.append(worker.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield grown
    finally:
        over.set()
        thread.join()
        grown.append(max(seen) - before)
        print(f"grew by {grown[0] / MB:.1f} MB in {len(seen)} samples")  # noqa: T201 - shown with pytest -s


@pytest.mark.parametrize("full", [True, False], ids=["as it is", "redacted"])
def test_200_mb_download_in_little_memory(place: Place, full: bool) -> None:
    with memory(place) as grown:
        size = 0
        address = place.url(f"blob?{LARGE}")
        with requests.get(address, headers=place.headers(full=full), stream=True, timeout=120) as answer:
            assert answer.headers["Content-Length"] == str(LARGE)
            for piece in answer.iter_content(MB):
                size += len(piece)
    assert size == LARGE
    assert grown[0] < 60 * MB


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_200_mb_upload_in_little_memory(place: Place, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // len(BLOCK)):
            yield BLOCK

    headers = place.headers() | {"Content-Type": "application/octet-stream"}
    if not chunked:
        headers["Content-Length"] = str(LARGE)
    connection = http.client.HTTPConnection("127.0.0.1", int(place.product.url.rpartition(":")[2]), timeout=120)
    with memory(place) as grown:
        path = place.url("sink").removeprefix(place.product.url)
        connection.request("POST", path, body=pieces(), headers=headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    connection.close()
    assert place.service.received[-1] == LARGE
    assert grown[0] < 60 * MB


@pytest.mark.parametrize("full", [True, False], ids=["as it is", "redacted"])
def test_events_arrive_one_by_one_from_an_open_stream(place: Place, full: bool) -> None:
    headers = place.headers(full=full) | {"Accept": "text/event-stream"}
    with requests.get(place.url("events"), headers=headers, stream=True, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines(chunk_size=1)
        for number in range(3):
            # The service waits for us before the next one: this line would not come if anything held it back.
            assert next(lines) == f"data: {number}".encode()
            assert next(lines) == b""
            place.service.go_on.release()
        assert list(lines) == []


def test_a_client_that_disconnects_before_the_response_ends_the_call(place: Place) -> None:
    place.service.waiting.clear()
    place.service.hung_up.clear()
    with _raw(place, "wait"):
        assert place.service.waiting.wait(30)
    assert place.service.hung_up.wait(30)


def test_a_client_that_disconnects_during_the_response_ends_the_call(place: Place) -> None:
    place.service.hung_up.clear()
    with _raw(place, f"blob?{LARGE}") as connection:
        assert connection.recv(1000)
    assert place.service.hung_up.wait(30)


def test_an_interrupted_body_is_not_sent_as_complete(place: Place) -> None:
    before = len(place.service.received)
    with _raw(place, "sink", method="POST", more="Content-Length: 5000000\r\n") as connection:
        connection.sendall(b"x" * 2_000_000)
    (size,) = wait_for(lambda: place.service.received[before:], seconds=30)
    assert size < 5_000_000


def _raw(place: Place, rest: str, *, method: str = "GET", more: str = "") -> socket.socket:
    port = int(place.product.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    path = place.url(rest).removeprefix(place.product.url)
    key = place.headers()["Authorization"]
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\n{more}\r\n".encode())
    return connection


def _status(place: Place, rest: str) -> int:
    with _raw(place, rest, more="Connection: close\r\n") as connection:
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "rest",
    [
        "/evil.example", "a//b", "../x", "%2e%2e/x", "%252e%252e/x", "a%0d%0aX-A:%20b", "a\\b",
        "@evil.example//x", "x/..%2f..%2fy", "a/%25252e%25252e",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused_behind_gunicorn(place: Place, rest: str) -> None:
    before = len(place.service.lines)
    assert _status(place, rest) == 400
    assert len(place.service.lines) == before


def test_the_path_keeps_its_encoding_through_gunicorn(place: Place) -> None:
    answer = requests.get(place.url("a%2Fb/%E2%82%AC%3F?q=%2F&r=a%20b"), headers=place.headers(), timeout=60)
    assert answer.json()["line"] == "GET /api/a%2Fb/%E2%82%AC%3F?q=%2F&r=a%20b HTTP/1.1"


def test_an_echoed_token_is_redacted(place: Place) -> None:
    shown = requests.get(place.url("echo"), headers=place.headers(full=False), timeout=60).text
    assert "Bearer [redacted]" in shown
    assert "-that-is-never-shown" not in shown


def test_a_hundred_refused_calls_cause_one_refresh(place: Place) -> None:
    place.inside.expire(place.connection)  # a token of the service's own making, which it then forgets
    requests.get(place.url("guarded"), headers=place.headers(), timeout=60)
    place.service.accepted, before = "another", place.service.token_calls

    def call(_: int) -> int:
        # A call that got no slot within a second is repeated, as it says: the machine may be busy.
        while (answer := requests.get(place.url("guarded"), headers=place.headers(), timeout=120)).status_code == 503:
            assert answer.json()["code"] == TooManyCalls.code
        return answer.status_code

    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(call, range(100)))
    assert place.service.token_calls - before == 1
    assert statuses == [200] * 100


def test_no_log_contains_the_key(place: Place) -> None:
    logs = place.product.logs()
    assert UPSTREAM_TOKEN not in logs
    assert "token-number-" not in logs
    assert json.dumps(place.full_key) not in logs
    assert place.full_key not in logs


def test_after_sigterm_open_downloads_are_completed_and_new_connections_refused(place: Place) -> None:
    """The last test of this module: the web process ends with it."""
    place.service.go_on = threading.Semaphore(0)
    worker, size = place.worker(), 20 * MB
    events = requests.get(place.url("events"), headers=place.headers(full=False), stream=True, timeout=60)
    blob = requests.get(place.url(f"blob?{size}"), headers=place.headers(), stream=True, timeout=60)
    lines, pieces = events.iter_lines(chunk_size=1), blob.iter_content(MB)
    assert next(lines) == b"data: 0"
    received = len(next(pieces))
    place.product.signal("web0", signal.SIGTERM)
    wait_for(lambda: is_refused(int(place.product.url.rpartition(":")[2])), seconds=30)
    assert worker.is_running()
    place.service.go_on.release(3)
    assert [line for line in lines if line] == [b"data: 1", b"data: 2"]
    assert received + sum(len(piece) for piece in pieces) == size
    psutil.wait_procs([worker], timeout=30)
    assert not worker.is_running()
