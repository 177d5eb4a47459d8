"""Python processes that begin with everything imported: most of what a start of the product costs is that.

They are forked from processes that have imported the libraries, and for the product's and the sandbox's commands the
project's modules (preloaded.py), and have configured nothing. The first is started at the first use, once for each
process of pytest-xdist, and all end with that. What is forked is a process like any other: with an environment, files,
a session and an end of its own, to be signalled and killed. tests/config/test_quickstart.py,
tests/e2e/test_honcho_runs_the_procfile.py and others start the product's commands without this.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import IO, Any

from tests.forked.preloaded import REPOSITORY, variables_of

_lock = threading.RLock()
# What is written to those that fork, by the variables with which they imported the project's modules. With none, it
# has imported the libraries alone, and all others were forked from it.
_asked: dict[str, socket.socket] = {}
_first: list["subprocess.Popen[bytes]"] = []  # a Popen that is forgotten warns


class Forked:
    """As much of `subprocess.Popen` as tests use."""

    def __init__(self, pid: int, status: int, pipes: Mapping[str, IO[Any]]) -> None:
        self.pid, self._status = pid, status
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = (pipes.get(name) for name in ("stdin", "stdout", "stderr"))

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[Any, None]:
        """Closes its input, and gives what is left of its output, after its end."""
        if self.stdin:
            self.stdin.close()
        output = self.stdout.read() if self.stdout else None
        self.wait(timeout)
        if self.stdout:
            self.stdout.close()
        return output, None

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            status = os.read(self._status, 4)
            os.close(self._status)
            if not status:
                raise RuntimeError("The process that forks has ended.")
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(status, "big"))
        return self.returncode


Started = subprocess.Popen[str] | subprocess.Popen[bytes] | Forked


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.DEVNULL,
    stderr: Any = subprocess.DEVNULL,
    new_session: bool = False,
    die_with_parent: bool = True,
    mounts_of: int | None = None,
) -> Any:
    """Runs `python …` (a list that begins with this Python) in the repository; text goes through its pipes.

    It sees the mounted file systems that the process `mounts_of` sees.
    """
    with ExitStack() as stack:
        files, pipes = [], {}
        for name, wanted in {"stdin": stdin, "stdout": stdout, "stderr": stderr}.items():
            if wanted == subprocess.PIPE:
                ours, theirs = _pipe(name)
                pipes[name] = ours
                stack.callback(os.close, theirs)
                files.append(theirs)
            elif wanted == subprocess.DEVNULL:
                files.append(stack.enter_context(open(os.devnull, "r+b")).fileno())  # noqa: PTH123 - the file of no data
            elif wanted == subprocess.STDOUT:
                files.append(files[1])
            else:
                files.append(wanted.fileno())
        status, reported = os.pipe()
        stack.callback(os.close, reported)
        asked = {"argv": list(command[1:]), "env": dict(env), "session": new_session, "dies": die_with_parent}
        asked["mounts_of"] = mounts_of
        with _lock:
            _ask(variables_of(command[1:], env), asked, [*files, reported])
            pid = int.from_bytes(os.read(status, 4), "big")
    if not pid:
        raise RuntimeError("The process that forks has ended.")
    return Forked(pid, status, pipes)


def run(
    command: Sequence[str], *, env: Mapping[str, str], said: str = "", timeout: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """The same to its end, with `said` as its input. What it wrote is kept."""
    with ExitStack() as stack:
        stdin, out, err = (stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3))
        stdin.write(said)
        stdin.seek(0)
        process = start(command, env=env, stdin=stdin, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), err.read())


def _pipe(name: str) -> tuple[IO[Any], int]:
    reads, writes = os.pipe()
    if name == "stdin":
        return open(writes, "w"), reads  # noqa: PTH123 - a descriptor
    return open(reads, errors="replace"), writes  # noqa: PTH123 - a descriptor


def _ask(variables: Mapping[str, str], asked: Mapping[str, Any], descriptors: list[int]) -> None:
    """One message with the descriptors: what to run, in a file, since an environment can be longer than a message."""
    name = json.dumps(variables, sort_keys=True)
    if name not in _asked:
        _asked[name] = _begin_with(name) if variables else _begin()
    with tempfile.TemporaryFile() as request:
        request.write(json.dumps(asked).encode())
        request.flush()
        socket.send_fds(_asked[name], [b"."], [request.fileno(), *descriptors])


def _begin() -> socket.socket:
    """It ends when this process does: then nothing holds the other end of its socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in the terminal is for pytest
        )
    _first.append(process)
    return ours


def _begin_with(variables: str) -> socket.socket:
    """One that is forked from the first, and goes on to import the project's modules."""
    ours, theirs = socket.socketpair()
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "tests.forked", "0", variables]
    with theirs:
        start(command, env=environment, stdin=theirs, stderr=sys.__stderr__, new_session=True)
    return ours
