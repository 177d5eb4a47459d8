"""What quickstart requires of the machine before it writes anything."""

import errno
import os
import socket
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from config.quickstart.refusal import Refusal


def require_sandbox_packages() -> None:
    """Raise Refusal if only production's packages are installed."""
    if not find_spec("oauth2_provider"):
        raise Refusal(
            "quickstart runs the sandbox, which needs a package that production does not: "
            "pip install --require-hashes -r constraints.txt -r constraints-sandbox.txt"
        )


def require_writable(folder: Path) -> None:
    """Create the folder if needed. Raise Refusal if files cannot be written into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refusal(f"Cannot write into {folder}: {_reason(error)}. Make it writable, or set VAR_DIR.") from error


def require_free(port: int, *, option: str) -> None:
    """Raise Refusal if the port is in use or cannot be used at all. `option` names where to choose another."""
    try:
        _bind(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(
                f"Port {port} is in use: stop the process that listens there, or choose another with {option}."
            ) from error
        raise Refusal(f"Cannot listen on port {port}: {_reason(error)}. Choose another with {option}.") from error


def first_free_port(wanted: int) -> int:
    """`wanted`, or the next free port after it. Raise Refusal if none of a hundred is free."""
    for port in range(wanted, min(wanted + 100, 65536)):
        try:
            _bind(port)
        except OSError:
            continue
        return port
    raise Refusal(f"No port from {wanted} to {wanted + 99} is free for the sandbox.")


def _bind(port: int) -> None:
    with closing(socket.socket()) as probe:
        # As the servers do: a port whose last connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
