"""The only door out: where a request may go, how long it may take, how large its answer may be. No Django in here.

Every outbound request goes through `session()`, or `stream()` where it may be of any size and length. What they hold
to, whatever the caller asks for:

- https on port 443 only. Hosts on the operator's allow-list may also be private, use http and any port they name.
- A name is resolved once, every answer is checked, and the connection goes to a checked address, so a DNS that changes
  its mind gains nothing. TLS is still verified against the host name.
- Redirects are handed back, never followed; proxies and .netrc of the environment are ignored; no cookies are kept.
- One deadline over the whole request, and a limit on the answer after decompression; for streams, limits on silence.
"""

from apps.egress.destination import Destination, check_url, configure, is_allowed
from apps.egress.errors import (
    Abandoned,
    AnswerTooLarge,
    DestinationBlocked,
    EgressError,
    NoAnswer,
    NotSent,
    TimedOut,
)
from apps.egress.observer import Exchange, observed
from apps.egress.stream import IDEMPOTENT, Answer, Outgoing, Patience, stream
from apps.egress.transport import Session, session
from apps.egress.wire import ClientSocket, wait_for_client

__all__ = [
    "IDEMPOTENT",
    "Abandoned",
    "Answer",
    "AnswerTooLarge",
    "ClientSocket",
    "Destination",
    "DestinationBlocked",
    "EgressError",
    "Exchange",
    "NoAnswer",
    "NotSent",
    "Outgoing",
    "Patience",
    "Session",
    "TimedOut",
    "check_url",
    "configure",
    "is_allowed",
    "observed",
    "session",
    "stream",
    "wait_for_client",
]
