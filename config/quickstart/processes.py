"""Starting web, worker, beat and sandbox together, and stopping them together."""

import ctypes
import os
import shlex
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

from config.quickstart.environment import BASE_DIR, Addresses

WORKER = "celery -q -A config worker --pool threads --without-gossip --without-mingle --without-heartbeat"
PR_SET_PDEATHSIG = 1


def commands(addresses: Addresses) -> dict[str, list[str]]:
    return {
        "web": ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"],
        "worker": [*WORKER.split(), "--concurrency", os.environ.get("WORKER_THREADS", "4"), "--loglevel", "WARNING"],
        "beat": ["celery", "-q", "-A", "config", "beat", "--loglevel", "WARNING", "--pidfile="],
        "sandbox": ["apps.sandbox", "serve", "--port", str(addresses.sandbox_port)],
    }


def run(addresses: Addresses, *, environment: dict[str, str], when_ready: Callable[[], None]) -> int:
    """Runs all processes until one ends or a signal comes; gives the exit code. `when_ready` is called once."""
    supervisor = Supervisor()
    for name, command in commands(addresses).items():
        line = shlex.join([sys.executable, "-m", *command])
        supervisor.add_process(name, f"exec {line}", env=environment, cwd=str(BASE_DIR))
    waiting = threading.Thread(target=_wait_until_ready, args=(addresses, supervisor, when_ready), daemon=True)
    waiting.start()
    supervisor.loop()
    if supervisor.first_to_end:
        print(f"Stopped everything, because {supervisor.first_to_end} ended: its last lines above say why.", flush=True)  # noqa: T201
        return 1
    return int(supervisor.returncode or 0)


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """This process gets the signal when its parent dies, however that happens (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(sig))


class TiedProcess(Process):  # type: ignore[misc]  # honcho ships no type information
    """A process whose output relay and program end with quickstart, even after `kill -9`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._child_ctor = partial(Popen, preexec_fn=die_with_parent)

    def run(self, *args: Any, **kwargs: Any) -> None:
        die_with_parent(signal.SIGKILL)
        super().run(*args, **kwargs)


class Supervisor(Manager):  # type: ignore[misc]  # honcho ships no type information
    """honcho's manager; it also knows which process ended first, and bears a signal in its very first moments."""

    def __init__(self) -> None:
        super().__init__()
        self._process_ctor = TiedProcess
        self.first_to_end = ""

    def terminate(self) -> None:
        if not self._all_started():
            threading.Timer(0.1, self.terminate).start()
            return
        if self.returncode not in (130, 143):
            self.first_to_end = next((name for name, known in self._processes.items() if "returncode" in known), "")
        super().terminate()

    @property
    def is_stopping(self) -> bool:
        return bool(self._terminating)


def _wait_until_ready(addresses: Addresses, supervisor: Supervisor, when_ready: Callable[[], None]) -> None:
    pages = [f"http://127.0.0.1:{addresses.port}/accounts/login/", f"{addresses.sandbox_url}/"]
    while not all(_answers(page) for page in pages):
        time.sleep(0.2)
    if not supervisor.is_stopping:
        when_ready()


def _answers(page: str) -> bool:
    """Whether the page comes, or the server itself says something else (a redirect to https, another host name)."""
    try:
        with urllib.request.urlopen(page, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, HTTPException):
        return False
