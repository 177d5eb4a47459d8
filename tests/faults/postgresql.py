"""PostgreSQL that a test may take away: a cluster of its own to restart, and a relay that cuts connections."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.processes import free_port
from tests.services import postgresql_programs


class Cluster:
    """PostgreSQL's own server programs on a folder and port of the test."""

    def __init__(self, folder: Path, port: int) -> None:
        bin_folder = postgresql_programs()
        assert bin_folder is not None
        self._bin, self._data, self._port = bin_folder, folder / "data", port
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync")

    def start(self) -> None:
        listen = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-o", listen, "-l", str(self._data / "log"))

    def stop(self) -> None:
        """At once, as after a crash: what was committed stays, open connections are cut off."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._data), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    # pytest's own folders are closed to other accounts, and PostgreSQL runs as one where the tests run as root.
    with tempfile.TemporaryDirectory(prefix="specway-postgresql-") as folder:
        cluster = Cluster(Path(folder), free_port())
        cluster.start()
        try:
            yield cluster
        finally:
            with suppress(AssertionError):  # stopped by the test already
                cluster.stop()


class Relay:
    """Passes connections on to PostgreSQL, until `cut()`; after that it refuses them, until `mend()`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port = free_port()
        self._pairs: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                self._pairs += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
