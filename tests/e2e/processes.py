"""Starting further processes of a product in the middle of a test, and waiting for what they bring about."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import TypeVar

from honcho.environ import parse_procfile

from tests.prepared import BUSY
from tests.processes import REPOSITORY, Product

T = TypeVar("T")
READY = {"worker": " ready.", "beat": "beat: Starting"}


def procfile_line(name: str) -> str:
    line: str = parse_procfile((REPOSITORY / "Procfile").read_text()).processes[name]
    return line


def wait_for(what: Callable[[], T], *, seconds: float, why: Callable[[], str] = str) -> T:
    """What the call gives as soon as it is true. Raises with `why` after that many seconds, or longer if it is BUSY."""
    deadline = time.monotonic() + seconds * BUSY
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"It did not happen within {seconds} seconds. {why()}")
        time.sleep(0.2)
    return found


@contextmanager
def running(product: Product, kind: str) -> Iterator[Callable[[], None]]:
    """A worker or a beat of the Procfile, ready; gives what kills it at once. It is gone after the block."""
    name = f"{kind}-{token_hex(3)}"
    product.start(name, procfile_line(kind))
    process, log = product.processes[name], product.log_dir / f"{name}.log"

    def kill() -> None:
        if process.poll() is None:
            product.signal(name, signal.SIGKILL)
        process.wait()

    try:
        wait_for(lambda: READY[kind] in log.read_text(errors="replace"), seconds=60, why=log.read_text)
        yield kill
    finally:
        kill()
        del product.processes[name]
