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
class Setup:
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
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with upstream() as service:
        env = {"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{service.port}", "LOG_LEVEL": "INFO"}
        folder = tmp_path_factory.mktemp("proxy")
        with (
            running_product(folder, worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            made = look.run(CONNECT_UPSTREAM, origin=service.url, token=UPSTREAM_TOKEN)
            yield Setup(product, look, service, *made)


@contextmanager
def memory(setup: Setup) -> Iterator[list[int]]:
    """Samples the worker's resident memory; the list holds how much it grew at most (bytes) after the block."""
    requests.get(setup.url("echo"), headers=setup.headers(), timeout=60).raise_for_status()
    worker, over = setup.worker(), threading.Event()
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


# Masking secrets takes 30 ms of processor time for each megabyte.
@pytest.mark.parametrize(("full", "size"), [(True, LARGE), (False, LARGE // 2)], ids=["as it is", "redacted"])
def test_large_download_in_little_memory(setup: Setup, full: bool, size: int) -> None:
    with memory(setup) as grown:
        received = 0
        address = setup.url(f"blob?{size}")
        with requests.get(address, headers=setup.headers(full=full), stream=True, timeout=120) as answer:
            assert answer.headers["Content-Length"] == str(size)
            for piece in answer.iter_content(MB):
                received += len(piece)
    assert received == size
    assert grown[0] < 60 * MB


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_large_upload_in_little_memory(setup: Setup, chunked: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // len(BLOCK)):
            yield BLOCK

    headers = setup.headers() | {"Content-Type": "application/octet-stream"}
    if not chunked:
        headers["Content-Length"] = str(LARGE)
    connection = http.client.HTTPConnection("127.0.0.1", int(setup.product.url.rpartition(":")[2]), timeout=120)
    with memory(setup) as grown:
        path = setup.url("sink").removeprefix(setup.product.url)
        connection.request("POST", path, body=pieces(), headers=headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    connection.close()
    assert setup.service.received[-1] == LARGE
    assert grown[0] < 60 * MB


@pytest.mark.parametrize("full", [True, False], ids=["as it is", "redacted"])
def test_events_arrive_one_by_one_from_an_open_stream(setup: Setup, full: bool) -> None:
    headers = setup.headers(full=full) | {"Accept": "text/event-stream"}
    with requests.get(setup.url("events"), headers=headers, stream=True, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines(chunk_size=1)
        for number in range(3):
            # The service waits for us before the next one: this line would not come if anything held it back.
            assert next(lines) == f"data: {number}".encode()
            assert next(lines) == b""
            setup.service.go_on.release()
        assert list(lines) == []


def test_a_client_that_disconnects_before_the_response_ends_the_call(setup: Setup) -> None:
    setup.service.waiting.clear()
    setup.service.hung_up.clear()
    with _raw(setup, "wait"):
        assert setup.service.waiting.wait(30)
    assert setup.service.hung_up.wait(30)


def test_a_client_that_disconnects_during_the_response_ends_the_call(setup: Setup) -> None:
    setup.service.hung_up.clear()
    with _raw(setup, f"blob?{LARGE}") as connection:
        assert connection.recv(1000)
    assert setup.service.hung_up.wait(30)


def test_an_interrupted_body_is_not_sent_as_complete(setup: Setup) -> None:
    before = len(setup.service.received)
    with _raw(setup, "sink", method="POST", more="Content-Length: 5000000\r\n") as connection:
        connection.sendall(b"x" * 2_000_000)
    (size,) = wait_for(lambda: setup.service.received[before:], seconds=30)
    assert size < 5_000_000


def _raw(setup: Setup, rest: str, *, method: str = "GET", more: str = "") -> socket.socket:
    port = int(setup.product.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    path = setup.url(rest).removeprefix(setup.product.url)
    key = setup.headers()["Authorization"]
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\n{more}\r\n".encode())
    return connection


def _status(setup: Setup, rest: str) -> int:
    with _raw(setup, rest, more="Connection: close\r\n") as connection:
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    "rest",
    [
        "/evil.example", "a//b", "../x", "%2e%2e/x", "%252e%252e/x", "a%0d%0aX-A:%20b", "a\\b",
        "@evil.example//x", "x/..%2f..%2fy", "a/%25252e%25252e",
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused_behind_gunicorn(setup: Setup, rest: str) -> None:
    before = len(setup.service.lines)
    assert _status(setup, rest) == 400
    assert len(setup.service.lines) == before


def test_the_path_keeps_its_encoding_through_gunicorn(setup: Setup) -> None:
    answer = requests.get(setup.url("a%2Fb/%E2%82%AC%3F?q=%2F&r=a%20b"), headers=setup.headers(), timeout=60)
    assert answer.json()["line"] == "GET /api/a%2Fb/%E2%82%AC%3F?q=%2F&r=a%20b HTTP/1.1"


def test_an_echoed_token_is_redacted(setup: Setup) -> None:
    shown = requests.get(setup.url("echo"), headers=setup.headers(full=False), timeout=60).text
    assert "Bearer [redacted]" in shown
    assert "-that-is-never-shown" not in shown


def test_a_hundred_refused_calls_cause_one_refresh(setup: Setup) -> None:
    setup.inside.expire(setup.connection)  # a token of the service's own making, which it then forgets
    requests.get(setup.url("guarded"), headers=setup.headers(), timeout=60)
    setup.service.accepted, before = "another", setup.service.token_calls

    def call(_: int) -> int:
        # A call that got no slot within a second is repeated, as it says: the machine may be busy.
        while (answer := requests.get(setup.url("guarded"), headers=setup.headers(), timeout=120)).status_code == 503:
            assert answer.json()["code"] == TooManyCalls.code
        return answer.status_code

    with ThreadPoolExecutor(100) as pool:
        statuses = list(pool.map(call, range(100)))
    assert setup.service.token_calls - before == 1
    assert statuses == [200] * 100


def test_no_log_contains_the_key(setup: Setup) -> None:
    logs = setup.product.logs()
    assert UPSTREAM_TOKEN not in logs
    assert "token-number-" not in logs
    assert json.dumps(setup.full_key) not in logs
    assert setup.full_key not in logs


def test_after_sigterm_open_downloads_are_completed_and_new_connections_refused(setup: Setup) -> None:
    """The last test of this module: the web process ends with it."""
    setup.service.go_on = threading.Semaphore(0)
    worker, size = setup.worker(), 20 * MB
    events = requests.get(setup.url("events"), headers=setup.headers(full=False), stream=True, timeout=60)
    blob = requests.get(setup.url(f"blob?{size}"), headers=setup.headers(), stream=True, timeout=60)
    lines, pieces = events.iter_lines(chunk_size=1), blob.iter_content(MB)
    assert next(lines) == b"data: 0"
    received = len(next(pieces))
    setup.product.signal("web0", signal.SIGTERM)
    wait_for(lambda: is_refused(int(setup.product.url.rpartition(":")[2])), seconds=30)
    assert worker.is_running()
    setup.service.go_on.release(3)
    assert [line for line in lines if line] == [b"data: 1", b"data: 2"]
    assert received + sum(len(piece) for piece in pieces) == size
    psutil.wait_procs([worker], timeout=30)
    assert not worker.is_running()
