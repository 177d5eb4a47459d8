"""From a host name to the addresses that a connection may go to: resolved once, and each of them checked."""

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable

from apps.egress.destination import Destination, check_address, is_allowed
from apps.egress.errors import DestinationBlocked, NotSent
from apps.errors import gettext_noop

Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """All addresses that the system's resolver gives for a host. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_addresses(destination: Destination, resolve: Resolver, seconds: float) -> list[str]:
    """The addresses of the destination's host, looked up within `seconds`.

    Raises NotSent if there are none, DestinationBlocked if any of them is not allowed.
    """
    addresses = [destination.host] if _is_address(destination.host) else _resolved(destination, resolve, seconds)
    if not addresses:
        raise NotSent(gettext_noop("The host name cannot be resolved."))
    if not is_allowed(destination):
        for address in addresses:
            _check_resolved(address)
    return addresses


def _check_resolved(address: str) -> None:
    """As check_address, in one message for all: which address a name has inside a network is not disclosed."""
    try:
        check_address(address)
    except DestinationBlocked:
        raise DestinationBlocked(
            gettext_noop("The host leads to an address that is not public, which is not allowed.")
        ) from None


def _is_address(host: str) -> bool:
    """Whether the host is an address in its canonical form; other notations (octal, …) are left to the resolver."""
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False


def _resolved(destination: Destination, resolve: Resolver, seconds: float) -> list[str]:
    """A resolver cannot be interrupted, so it runs in a thread that is abandoned when the time is up."""
    results: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            results.put(resolve(destination.host, destination.port))
        except (OSError, UnicodeError):
            results.put([])

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return results.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise NotSent(gettext_noop("The host name was not resolved in time.")) from None
