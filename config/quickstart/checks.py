"""What must be true of the machine before quickstart touches anything."""

import errno
import os
import socket
import tempfile
from contextlib import closing
from pathlib import Path

from config.quickstart.refusal import Refusal


def require_writable(folder: Path) -> None:
    """The folder exists afterwards and takes files. Raises Refusal."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refusal(f"Cannot write into {folder}: {_reason(error)}. Make it writable, or set VAR_DIR.") from error


def require_free(port: int, *, option: str) -> None:
    """Raises Refusal if something listens on the port already, or if it cannot be used at all."""
    try:
        _bind(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(f"Port {port} is taken: stop what listens there, or choose another with {option}.") from error
        raise Refusal(f"Cannot listen on port {port}: {_reason(error)}. Choose another with {option}.") from error


def first_free_port(wanted: int) -> int:
    """`wanted`, or the next free one after it. Raises Refusal if none of a hundred is free."""
    for port in range(wanted, min(wanted + 100, 65536)):
        try:
            _bind(port)
        except OSError:
            continue
        return port
    raise Refusal(f"None of the ports from {wanted} on is free for the sandbox.")


def _bind(port: int) -> None:
    with closing(socket.socket()) as probe:
        # As the servers do: a port whose last connections are only fading out counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
