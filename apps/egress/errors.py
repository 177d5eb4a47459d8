"""The ways in which a request can end without a response.

EgressError              one sentence, without URL, header or body
├─ DestinationBlocked    requests may not go to this address
├─ NotSent               nothing was sent: name, connection or TLS failed
├─ NoResponse            something may have been sent, no complete response came
│  └─ TimedOut           a time limit ended the wait for it
├─ ClientDisconnected    the client that the response is for hung up
└─ ResponseTooLarge      it was sent, the response is larger than allowed
"""


class EgressError(Exception):
    """A request without a response. The text is one sentence that holds no secret."""


class DestinationBlocked(EgressError):
    """Requests may not go to this address."""


class NotSent(EgressError):
    """Nothing of the request was sent, so it can be repeated safely."""


class NoResponse(EgressError):
    """The request may have arrived, but no complete response came back."""


class ResponseTooLarge(EgressError):
    """The response is larger than the caller allows."""


class TimedOut(NoResponse):
    """The host was silent for longer than the idle timeout, or the request took longer than its total timeout."""


class ClientDisconnected(EgressError):
    """The client that the response is for hung up, so the request was canceled."""
