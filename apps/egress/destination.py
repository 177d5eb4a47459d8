"""Where a request may go: schemes, ports, the operator's allow-list and the addresses that are not public.

An entry of the allow-list opens a host for everyone, or is limited: to built-in services at hosts that only the catalog
or an operator determines, or to one team. Who sends a request says on whose behalf with `on_behalf_of`; what is sent
without it reaches no limited host.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from apps.egress.errors import DestinationBlocked
from apps.errors import gettext_noop


class Destination(NamedTuple):
    scheme: str
    host: str
    port: int


class _AllowedHost(NamedTuple):
    host: str
    port: int | None
    limit: str


class _Caller(NamedTuple):
    team: str
    has_fixed_hosts: Callable[[], bool]


# `is_global` alone lets these pass on some Python 3.11 releases, or they lead to IPv4 hosts behind a translator.
_REFUSED_NETWORKS = {
    ipaddress.ip_network(network): reason
    for network, reason in {
        "168.63.129.16/32": gettext_noop("an address of the cloud's own infrastructure"),
        "192.0.0.0/24": gettext_noop("a reserved address"),
        "192.88.99.0/24": "a 6to4 relay",
        "::/96": gettext_noop("an IPv4 address written as IPv6"),
        "::ffff:0:0/96": gettext_noop("an IPv4 address written as IPv6"),
        "64:ff9b::/96": gettext_noop("a translated IPv4 address"),
        "64:ff9b:1::/48": gettext_noop("a translated IPv4 address"),
        "2001::/32": gettext_noop("a tunnelled IPv4 address"),
        "2002::/16": gettext_noop("a tunnelled IPv4 address"),
        "3fff::/20": gettext_noop("an address for documentation"),
        "fec0::/10": gettext_noop("a private address"),
    }.items()
}

_HOST_NAME = re.compile(r"[a-z0-9._-]+")  # as urlsplit gives it, in lower case
# Domains that only an internal network resolves (RFC 6761, RFC 6762, RFC 8375, and .internal, which ICANN reserves).
_INTERNAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
# The last label is a number, in decimal, octal or hexadecimal: no top-level domain is.
_NUMERIC = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)$")

_BUILT_IN, _EVERYONE = "built-in", ""
_allowed: frozenset[_AllowedHost] = frozenset()
_caller: ContextVar[_Caller | None] = ContextVar("egress_caller", default=None)


def configure(*, allowed_hosts: Iterable[str]) -> None:
    """Sets the operator's allow-list: "host", "host:port", "[::1]:8100". Called once, when the program starts.

    "host:port" opens that one port, "host" opens every port of the host; prefer the former for machines that run
    more than the service meant. "=built-in" or "=" and a team's ID after it limit an entry; several entries add up.
    Raises ValueError for anything else, such as a URL.
    """
    global _allowed
    _allowed = frozenset(_allowed_host(entry.strip()) for entry in allowed_hosts)


def _allowed_host(entry: str) -> _AllowedHost:
    address, separator, limit = entry.partition("=")
    return _AllowedHost(*_host_and_port(address), _limit(entry, limit) if separator else _EVERYONE)


def _limit(entry: str, text: str) -> str:
    if text == _BUILT_IN:
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"{entry!r} must end in ={_BUILT_IN} or in = and the ID of a team.") from None


def _host_and_port(entry: str) -> tuple[str, int | None]:
    bare_ipv6 = entry.count(":") > 1 and not entry.startswith("[")
    try:
        parts = urlsplit(f"//[{entry}]" if bare_ipv6 else f"//{entry}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not entry.isascii() or re.search(r"[/?#@\s\\*]", entry):
        raise ValueError(f"{entry!r} is not a host or host:port (write international names in their xn-- form).")
    return host.rstrip("."), port


def is_allowed(destination: Destination) -> bool:
    """Whether the operator's allow-list names this host, with this port or with none, for the present caller."""
    _, host, port = destination
    limits = {entry.limit for entry in _allowed if entry.host == host and entry.port in (port, None)}
    if not limits or _EVERYONE in limits:
        return bool(limits)
    caller = _caller.get()
    if caller is None:
        return False
    return caller.team in limits or (_BUILT_IN in limits and caller.has_fixed_hosts())


@contextmanager
def on_behalf_of(team: UUID | None, *, has_fixed_hosts: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Requests and checks of URLs in this block are those of a team (None: of no team).

    `has_fixed_hosts` returns whether they go to a built-in service at hosts that only the catalog or an operator
    determines; it is called only for a host that is limited to those.
    """
    token = _caller.set(_Caller(str(team or "none"), has_fixed_hosts))
    try:
        yield
    finally:
        _caller.reset(token)


def check_url(url: str) -> Destination:
    """What can be said about a URL without asking the DNS; made for forms, and for every request.

    Gives the parsed destination; raises DestinationBlocked with the reason.
    """
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, (parts.hostname or "").rstrip(".")
        default_port = 80 if scheme == "http" else 443
        destination = Destination(scheme, host, default_port if parts.port is None else parts.port)
    except ValueError:
        raise DestinationBlocked(gettext_noop("This is not a valid URL.")) from None
    if scheme not in ("https", "http") or not host or re.search(r"[\x00-\x20\x7f\\]", url):
        raise DestinationBlocked(gettext_noop("This is not a valid https URL."))
    if "@" in parts.netloc:
        raise DestinationBlocked(gettext_noop("The URL holds a user name or password, which is not allowed."))
    if ":" not in host and not _HOST_NAME.fullmatch(host):  # an IPv6 address otherwise
        raise DestinationBlocked(
            gettext_noop("This is not a valid host name.")
            if host.isascii()
            else gettext_noop("Enter the host in its xn-- form, in ASCII.")
        )
    if not is_allowed(destination):
        _check_unlisted(destination)
    return destination


def _check_unlisted(destination: Destination) -> None:
    if destination.scheme != "https":
        raise DestinationBlocked(gettext_noop("The URL must begin with https://."))
    if destination.port != 443:
        raise DestinationBlocked(
            gettext_noop("Port %(port)s is not allowed: only 443, unless the operator allows the host.")
            % {"port": destination.port}
        )
    address = _address_of(destination.host)
    if address:
        check_address(address)
    elif _is_internal(destination.host):  # any other name gets its check when it is resolved
        raise DestinationBlocked(gettext_noop("The host has a name of an internal network, which is not allowed."))


def _is_internal(host: str) -> bool:
    """Whether the name has no dot, as only names of the own network have, or one of the domains for such networks."""
    return "." not in host or host.endswith(tuple(f".{domain}" for domain in _INTERNAL_NAMES))


def _address_of(host: str) -> str:
    """The address that a host is written as, also in the notations that resolvers accept (127.1, 0x7f000001, 017…)."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))
    if _NUMERIC.search(host):
        with suppress(OSError):
            return str(ipaddress.IPv4Address(socket.inet_aton(host)))
    return ""


def check_address(text: str) -> None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise DestinationBlocked(gettext_noop("The host's address cannot be understood.")) from None
    reason = _refusal(address)
    if reason:
        raise DestinationBlocked(
            gettext_noop("The host leads to %(reason)s (%(address)s), which is not allowed.")
            % {"reason": reason, "address": address}
        )


def _refusal(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    for network, reason in _REFUSED_NETWORKS.items():
        if address in network:
            return reason
    if address.is_loopback:
        return gettext_noop("this machine itself")
    if address.is_link_local:
        return gettext_noop("a link-local address")
    if address.is_multicast:
        return gettext_noop("a multicast address")
    return "" if address.is_global and not address.is_reserved else gettext_noop("an address that is not public")
