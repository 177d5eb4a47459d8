"""Gunicorn with our settings, as the Procfile starts it, serving an application of a few lines."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from config.quickstart.processes import die_with_parent
from tests.e2e.processes import wait_for
from tests.processes import REPOSITORY, free_port

THREADS = 2
APPLICATION = """
import os, time

def application(environ, start_response):
    while environ["PATH_INFO"] == "/slow" and not os.path.exists(os.environ["GO_ON"]):
        time.sleep(0.05)
    body = f"{environ['PATH_INFO']}\\n".encode()
    status = "401 Unauthorized" if environ["PATH_INFO"].startswith("/refused") else "200 OK"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("application")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    (folder / "few_lines.py").write_text(APPLICATION)
    port = free_port()
    env = os.environ | {"PORT": str(port), "WEB_THREADS": str(THREADS), "WEB_CONCURRENCY": "2"}
    env["GO_ON"] = str(folder / "go-on")
    command = [str(Path(sys.executable).with_name("gunicorn")), "-c", "config/gunicorn.py", "few_lines"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=env | {"PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port, process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    assert connection.getresponse().read().decode() == f"{path}\n"


def test_more_open_connections_than_threads_are_all_served(server: tuple[int, object]) -> None:
    with ExitStack() as stack:
        connections = [http.client.HTTPConnection("127.0.0.1", server[0], timeout=20) for _ in range(5 * THREADS)]
        for connection in connections:
            stack.callback(connection.close)
        for round_number in range(20):
            for number, connection in enumerate(connections):
                ask(connection, f"/{round_number}/{number}")


def test_pipelined_requests_are_answered_in_order(server: tuple[int, object]) -> None:
    with socket.create_connection(("127.0.0.1", server[0]), timeout=20) as client:
        client.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
        client.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: client.recv(65_536), b""))
    bodies = [line for line in answers.splitlines() if line.startswith(b"/")]
    assert bodies == [b"/%d" % number for number in range(5)]


def test_clients_that_hang_up_do_not_use_up_threads(server: tuple[int, object]) -> None:
    for number in range(4 * THREADS):
        connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
        ask(connection, f"/{number}")
        connection.close()
    last = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    ask(last, "/after")


def test_the_access_log_has_one_line_per_request_without_the_query(server: tuple[int, object], folder: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    connection.request("GET", "/logged%0Aforged%22%20line?code=SECRET", headers={"Referer": "http://a/?code=SECRET"})
    connection.getresponse().read()
    ask(connection, "/logged-after")
    deadline = time.monotonic() + 20
    while "/logged-after" not in (log := (folder / "log").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    (line,) = [line for line in log.splitlines() if "forged" in line]
    assert re.fullmatch(r'\[[^]]+] 127\.0\.0\.1 "GET /logged\\nforged\\" line" 200 \d+ bytes \d+ ms', line)
    assert "SECRET" not in log


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [("/" + "x" * 9000, {}, 414, "uri_too_long"), ("/", {"X-Long": "x" * 70_000}, 431, "headers_too_large")],
)
def test_a_request_that_is_too_long_gets_a_problem_document(
    server: tuple[int, object], path: str, headers: dict[str, str], status: int, code: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert json.loads(response.read())["code"] == response.headers["Specway-Error"] == code


@pytest.mark.parametrize("method", ["x", "m-search", "VERSION-CONTROL-OF-ANY-LENGTH"])
def test_any_method_token_is_accepted(server: tuple[int, object], method: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    connection.request(method, "/any")
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_stays_usable_after_a_response_that_came_before_the_body(
    server: tuple[int, object], chunked: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    body = iter([b"GET /forged HTTP/1.1\r\n\r\n" * 500] * 4) if chunked else b"GET /forged HTTP/1.1\r\n\r\n" * 2000
    connection.request("POST", "/refused" if chunked else "/unread", body=body, encode_chunked=chunked)
    response = connection.getresponse()
    assert response.headers["Connection"] == "keep-alive"
    assert response.read() in (b"/unread\n", b"/refused\n")
    ask(connection, "/next")


@pytest.mark.parametrize("chunked", [False, True])
def test_the_rest_of_a_refused_body_is_discarded_and_the_connection_kept(
    server: tuple[int, object], chunked: bool
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server[0], timeout=20)
    body = iter([b"x" * 65_536] * 30) if chunked else b"x" * 2_000_000
    connection.request("POST", "/refused", body=body, encode_chunked=chunked)
    response = connection.getresponse()
    assert (response.status, response.headers["Connection"]) == (401, "keep-alive")
    assert response.read() == b"/refused\n"
    ask(connection, "/next")


@pytest.mark.parametrize("path", ["/refused", "/answered-early"])
def test_a_response_before_a_long_body_was_read_says_that_the_connection_closes(
    server: tuple[int, object], path: str
) -> None:
    with socket.create_connection(("127.0.0.1", server[0]), timeout=20) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n"
        client.sendall(head.encode() + b"x" * 100_000)
        received = b""
        while not received.endswith(f"{path}\n".encode()) and (piece := client.recv(65_536)):
            received += piece
    head, _, body = received.decode().partition("\r\n\r\n")
    assert "\r\nconnection: close\r\n" in f"{head}\r\n".lower()
    assert body == f"{path}\n"


def test_after_sigterm_new_connections_are_refused_and_open_requests_are_answered(
    server: tuple[int, subprocess.Popen[bytes]], folder: Path
) -> None:
    port, process = server
    slow = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    slow.request("GET", "/slow")
    ask(http.client.HTTPConnection("127.0.0.1", port, timeout=20), "/beside")
    process.terminate()
    wait_for(lambda: is_refused(port), seconds=20)
    assert process.poll() is None
    (folder / "go-on").touch()
    response = slow.getresponse()
    assert (response.status, response.read()) == (200, b"/slow\n")
    assert process.wait(timeout=30) == 0


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
