"""The domain errors of connections. Each is one sentence, the same in the web UI, the API and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.errors import SpecwayError

if TYPE_CHECKING:
    from apps.connections.models import AuthorizationAttempt


class AttemptError(SpecwayError):
    """An authorization trip ended without a connection. `attempt` is the trip, where the answer belonged to one."""

    help = "authorization-failed"

    def __init__(self, sentence: str, *, attempt: AuthorizationAttempt | None = None) -> None:
        super().__init__(sentence)
        self.attempt = attempt


class CallbackRejected(AttemptError):
    """The answer cannot be trusted: unknown, replayed or foreign state, wrong issuer, repeated parameters."""

    code, status, title = "callback_rejected", 400, "This answer was not accepted"


class AttemptExpired(AttemptError):
    """The person took longer than the state lives."""

    code, status, title = "attempt_expired", 400, "This took too long"


class AccessDeclined(AttemptError):
    """The person, or somebody who has to allow it, said no at the service."""

    code, status, title = "access_declined", 400, "Access was declined"


class ExchangeFailed(AttemptError):
    """The service sent the person back but gave no usable token."""

    code, status, title = "exchange_failed", 502, "The service gave no token"
    help = "connection-failed"


class AttemptSettled(AttemptError):
    """What the trip was for is decided, gone or over."""

    code, status, title = "attempt_settled", 409, "Already settled"


class IntegrationNotSetUp(SpecwayError):
    """No OAuth app is registered for the integration."""

    code, status, title, help = "integration_not_set_up", 409, "Not set up yet", "not-set-up"


class ReauthorizationRequired(SpecwayError):
    """The grant has ended; only its person can give a new one."""

    code, status, title, help = "reauthorization_required", 409, "Reconnect needed", "token-expired"


class MissingScopes(SpecwayError):
    """The connection lacks permissions that the caller named."""

    code, status, title, help = "missing_scopes", 409, "Permission missing", "insufficient-permissions"


class ServiceUnavailable(SpecwayError):
    """The service does not give a fresh token right now; it is tried again by itself."""

    code, status, title, help = "service_unavailable", 503, "The service does not answer", "connection-failed"


class WrongKind(SpecwayError):
    """This kind of connection has nothing of what was asked for."""

    code, status, title = "wrong_kind", 409, "Not for this kind of connection"


class KeyRefused(SpecwayError):
    """The service does not accept what was entered. `answered` is its HTTP status, where it told by one."""

    code, status, title, help = "key_refused", 400, "The service refuses this", "invalid-api-key"


class KeyNotChecked(SpecwayError):
    """Whether it works could not be found out: the person may decide to store it unchecked."""

    code, status, title, help = "key_not_checked", 503, "It could not be checked", "connection-failed"


class AnotherAccount(SpecwayError):
    """The new value opens another account than the connection's."""

    code, status, title, help = "another_account", 409, "Another account", "wrong-account"


class ForeignHost(SpecwayError):
    """An address that is none of the service's: the connection's access is not sent there."""

    code, status, title = "foreign_host", 400, "Not this service's address"


class Undecided(SpecwayError):
    """Somebody is to go, and it was not said what becomes of one of their connections."""

    code, status, title = "undecided", 409, "Connections first"


class InvalidPath(SpecwayError):
    """A path that is not sent to a service as it stands, since it may mean another place than it seems to."""

    code, status, title = "invalid_path", 400, "This path cannot be sent"


class NotFromHere(SpecwayError):
    """A page of another site, or an address that was opened in the browser, tried to use a member's connection."""

    code, status, title = "not_from_here", 403, "Not from here"


class BodyTooLarge(SpecwayError):
    """A body that has to be signed as a whole, and is larger than what is kept of it."""

    code, status, title = "body_too_large", 413, "The body is too large"


class ServiceUnreachable(SpecwayError):
    """Nothing of the call was sent: name, connection or TLS failed."""

    code, status, title, help = "service_unreachable", 502, "The service cannot be reached", "connection-failed"


class NoServiceAnswer(SpecwayError):
    """The call may have arrived, but no whole answer came."""

    code, status, title, help = "no_answer", 502, "The service broke off", "connection-failed"


class ServiceTimeout(SpecwayError):
    """The call may have arrived, but the service was silent for too long."""

    code, status, title, help = "service_timeout", 504, "The service did not answer in time", "connection-failed"


class TooManyCalls(SpecwayError):
    """As many calls are under way in this process as may be, so that streams do not keep the site from everybody."""

    code, status, title, help = "too_many_calls", 503, "Too many calls under way", "rate-limited"


class TriedTooOften(SpecwayError):
    """A member's requests of this minute are used up."""

    code, status, title, help = "rate_limited", 429, "Too many requests", "rate-limited"


class DestinationRefused(SpecwayError):
    """The service's address leads where no request may go."""

    code, status, title = "destination_blocked", 400, "This address is not called"


class AnswerWithheld(SpecwayError):
    """An answer in which the connection's secret could not be looked for, to somebody who may not have it."""

    code, status, title = "answer_withheld", 502, "The answer was held back"


class ConnectSessionEnded(SpecwayError):
    """The link was used, or is older than it may be."""

    code, status, title = "connect_session_ended", 410, "This link has ended"


class MailedLately(SpecwayError):
    """The person was asked by mail not long ago."""

    code, status, title = "rate_limited", 429, "Asked a short while ago"
