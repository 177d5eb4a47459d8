"""Starting web, worker, beat and sandbox together, and stopping them together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from queue import Empty, SimpleQueue

from config.quickstart.environment import BASE_DIR, Addresses

WORKER = "celery -q -A config worker --pool threads --without-gossip --without-mingle --without-heartbeat"
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 10  # between SIGTERM and SIGKILL
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)

# What ends a run: the name of a process that ended, or the number of a signal to quickstart itself.
Events = SimpleQueue[str | int]


def commands(addresses: Addresses) -> dict[str, list[str]]:
    return {
        "web": ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        "worker": [*WORKER.split(), "--concurrency", os.environ.get("WORKER_THREADS", "4"), "--loglevel", "WARNING"],
        "beat": ["celery", "-q", "-A", "config", "beat", "--loglevel", "WARNING", "--pidfile="],
        "sandbox": ["apps.sandbox", "serve", "--port", str(addresses.sandbox_port)],
    }


def run(addresses: Addresses, *, environment: Mapping[str, str], when_ready: Callable[[], None]) -> int:
    """Run all processes until one of them ends or a signal comes, and return the exit code.

    `when_ready` is called once, when the product and the sandbox answer.
    """
    events: Events = SimpleQueue()
    stopping = threading.Event()
    with _signals_into(events):
        # All are started before the first thread is: `preexec_fn` is not safe beside threads.
        started = {name: _start(command, environment) for name, command in commands(addresses).items()}
        for name, process in started.items():
            _in_background(_relay, name, process)
            _in_background(_report_end, name, process, events)
        _in_background(_wait_until_ready, addresses, stopping, when_ready)
        cause = events.get()
        stopping.set()
        _stop(started, events)
    if isinstance(cause, str):
        print(f"Stopped everything, because {cause} ended: its last lines above say why.", flush=True)  # noqa: T201
        return 1
    return 128 + cause


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """This process gets the signal when its parent dies, however that happens (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sig))


@contextmanager
def _signals_into(events: Events) -> Iterator[None]:
    """SimpleQueue is the one queue whose `put` a signal handler may call."""
    before = {number: signal.signal(number, lambda caught, _frame: events.put(int(caught))) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A Python module in a session of its own, so that Ctrl-C in the terminal reaches quickstart alone."""
    return subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", *command],
        cwd=BASE_DIR,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def _in_background(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _relay(name: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    for line in process.stdout:
        print(f"{name:<7} | {line}", end="", flush=True)  # noqa: T201 - this is a command


def _report_end(name: str, process: subprocess.Popen[str], events: Events) -> None:
    process.wait()
    events.put(name)


def _stop(started: Mapping[str, subprocess.Popen[str]], events: Events) -> None:
    """End every process: SIGTERM first; SIGKILL to its whole session after the grace period or on a second signal."""
    for process in started.values():
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    with suppress(Empty):
        while any(process.poll() is None for process in started.values()):
            if isinstance(events.get(timeout=max(0.0, deadline - time.monotonic())), int):
                break
    for process in started.values():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until_ready(addresses: Addresses, stopping: threading.Event, when_ready: Callable[[], None]) -> None:
    pages = [f"http://127.0.0.1:{addresses.port}/accounts/login/", f"{addresses.sandbox_url}/"]
    while not all(_answers(page) for page in pages):
        if stopping.wait(0.2):
            return
    when_ready()


def _answers(page: str) -> bool:
    """Whether the server responds; a redirect to https or a refused host name counts too."""
    try:
        with urllib.request.urlopen(page, timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, HTTPException):
        return False
