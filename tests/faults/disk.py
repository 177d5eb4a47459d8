"""A small disk for processes that tests drive: a file system of their own, mounted on Linux by a privileged account."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.quickstart.processes import die_with_parent

MOUNT = 'mount -t tmpfs -o size={megabytes}m none "$0" && echo mounted && exec sleep infinity'


class Disk:
    """Mounted at `path` for processes that see what `holder` sees; `seen` is its path for this process.

    SQLite cannot use `seen`: it follows the links in a path itself, and ends in this process's own file system.
    """

    def __init__(self, path: Path, holder: int) -> None:
        self.path, self.seen, self.holder = path, Path(f"/proc/{holder}/root{path}"), holder

    @property
    def _filler(self) -> Path:
        return self.seen / "filler"

    def fill(self) -> None:
        """Leaves no page free, also where something is deleted while this goes on."""
        for _ in range(20):
            with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
                while True:
                    filler.write(b"\0" * 4096)
            time.sleep(0.02)

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(path: Path, *, megabytes: int) -> Iterator[Disk]:
    """It ends with the processes that use it."""
    path.mkdir()
    holder = subprocess.Popen(
        ["/usr/bin/unshare", "-m", "/bin/sh", "-c", MOUNT.format(megabytes=megabytes), str(path)],
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n"
        yield Disk(path, holder.pid)
    finally:
        holder.kill()
        holder.communicate()
