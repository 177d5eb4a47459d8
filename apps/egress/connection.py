"""From a host's name to a connection that ends when the time is up."""

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from functools import lru_cache

from urllib3.connection import HTTPConnection, HTTPSConnection

from apps.egress.deadline import Deadline
from apps.egress.destination import Destination, check_address, is_allowed
from apps.egress.errors import NotSent

Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """All addresses that the system's resolver gives for a host. Raises OSError or UnicodeError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def checked_addresses(destination: Destination, resolve: Resolver, seconds: float) -> list[str]:
    """Resolves once, and refuses the host if any of its addresses is not allowed."""
    addresses = [destination.host] if _is_address(destination.host) else _resolved(destination, resolve, seconds)
    if not addresses:
        raise NotSent("The host's name cannot be resolved.")
    if not is_allowed(destination):
        for address in addresses:
            check_address(address)
    return addresses


def _is_address(host: str) -> bool:
    """An address as it is written in full: other spellings of one (decimal, octal) are the resolver's matter."""
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False


def _resolved(destination: Destination, resolve: Resolver, seconds: float) -> list[str]:
    """A resolver cannot be interrupted, so it gets a thread that is left behind when time is up."""
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolve(destination.host, destination.port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        raise NotSent("The host's name was not resolved in time.") from None


def _connect(addresses: list[str], port: int, deadline: Deadline) -> socket.socket:
    """Tries the addresses in turn, each with its share of the time that is left."""
    for position, address in enumerate(addresses):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left() / (len(addresses) - position))
            sock.connect((address, port))
        except OSError:
            sock.close()
        else:
            return sock
    raise NotSent("The host refuses connections or cannot be reached.")


@lru_cache
def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_connection(destination: Destination, addresses: list[str], ca_file: str, deadline: Deadline) -> HTTPConnection:
    kind = HTTPConnection if destination.scheme == "http" else HTTPSConnection
    connection = kind(destination.host, destination.port)
    connection.sock = open_socket(destination, addresses, ca_file, deadline)
    return connection


def open_socket(destination: Destination, addresses: list[str], ca_file: str, deadline: Deadline) -> socket.socket:
    """A socket to one of the addresses, within TLS unless the scheme is http. The deadline cuts it."""
    sock = _connect(addresses, destination.port, deadline)
    try:
        deadline.watch(sock)
        sock.settimeout(deadline.left())
        if destination.scheme != "http":
            sock = _tls(ca_file).wrap_socket(sock, server_hostname=destination.host)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise NotSent(f"The host's certificate is not valid: {error.verify_message}.") from None
    except (OSError, ValueError):
        sock.close()
        raise NotSent("No secure connection to the host could be made.") from None
    return sock
