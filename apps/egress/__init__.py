"""The only outbound HTTP client: where a request may go, how long it may take and how much it may bring. No Django.

Every outbound request goes through `stream()`, or through `session()`, which is `requests` on top of it. Their rules:

- https on port 443 only. Hosts on the operator's allow-list may also be private, use http and any port they name;
  an entry may be limited to built-in services or to a team (see `on_behalf_of`).
- A name is resolved once, every address is checked, and the connection goes to a checked address, so a DNS that changes
  its answer gains nothing. TLS is still verified against the host name.
- Redirects are returned, never followed; proxies and .netrc of the environment are ignored; no cookies are kept.
- Limits on time: to connect, for each wait, and for the whole. They end waiting: what has arrived is read however late.
- A session also limits the size of a response after decompression.
"""

from apps.egress.adapter import Adapter, Session, session
from apps.egress.connection import ClientSocket, end_waits, wait_for_client
from apps.egress.destination import Destination, check_url, configure, is_allowed, on_behalf_of
from apps.egress.errors import (
    ClientDisconnected,
    DestinationBlocked,
    EgressError,
    NoResponse,
    NotSent,
    ResponseTooLarge,
    TimedOut,
)
from apps.egress.observer import Exchange, observed
from apps.egress.stream import IDEMPOTENT, Request, Response, Timeouts, call_before_requests, stream

__all__ = [
    "IDEMPOTENT",
    "Adapter",
    "ClientDisconnected",
    "ClientSocket",
    "Destination",
    "DestinationBlocked",
    "EgressError",
    "Exchange",
    "NoResponse",
    "NotSent",
    "Request",
    "Response",
    "ResponseTooLarge",
    "Session",
    "TimedOut",
    "Timeouts",
    "call_before_requests",
    "check_url",
    "configure",
    "end_waits",
    "is_allowed",
    "observed",
    "on_behalf_of",
    "session",
    "stream",
    "wait_for_client",
]
