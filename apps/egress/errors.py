"""The ways in which a request can bring no answer.

EgressError              one sentence, without URL, header or body
├─ DestinationBlocked    we refuse to go there
├─ NotSent               nothing left this machine: name, connection or TLS failed
├─ NoAnswer              something may have been sent, no complete answer came
│  └─ TimedOut           it was silent for too long
├─ Abandoned             whoever asked for it went away
└─ AnswerTooLarge        it was sent, the answer is larger than allowed
"""


class EgressError(Exception):
    """A request that brought no answer. The text is a sentence that holds no secret."""


class DestinationBlocked(EgressError):
    """The address is not one that requests may go to."""


class NotSent(EgressError):
    """Nothing of the request left this machine, so it can be repeated safely."""


class NoAnswer(EgressError):
    """The request may have arrived, but no complete answer came back."""


class AnswerTooLarge(EgressError):
    """The answer is larger than the caller allows."""


class TimedOut(NoAnswer):
    """The host was silent for longer than it may be, or the whole call took longer than any may."""


class Abandoned(EgressError):
    """Whoever asked for the request has gone away, so it was broken off."""
