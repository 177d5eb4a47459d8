"""The domain errors of connections. Each has one message, the same in the web UI, the API and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from apps.errors import SpecwayError

if TYPE_CHECKING:
    from apps.connections.models import AuthorizationAttempt


class AttemptError(SpecwayError):
    """An authorization flow ended without a connection. `attempt` is set if the callback belongs to one."""

    help = "authorization-failed"

    def __init__(self, sentence: str, *, attempt: AuthorizationAttempt | None = None) -> None:
        super().__init__(sentence)
        self.attempt = attempt


class CallbackRejected(AttemptError):
    """The callback is not accepted: unknown, replayed or foreign state, wrong issuer, repeated parameters."""

    code, status, title = "callback_rejected", 400, gettext_noop("This response was not accepted")


class AttemptExpired(AttemptError):
    """The state expired before the callback."""

    code, status, title = "attempt_expired", 400, gettext_noop("This took too long")


class AttemptInterrupted(AttemptError):
    """The process that exchanged the code died."""

    code, status, title = "attempt_interrupted", 503, gettext_noop("Interrupted")


class ConsentNotGiven(AttemptError):
    """The consent page responded with an error: `service_code`, and the service's own description, redacted."""

    def __init__(self, sentence: str, *, service_code: str = "", service_message: str = "") -> None:
        super().__init__(sentence)
        self.service_code, self.service_message = service_code, service_message


class AccessDeclined(ConsentNotGiven):
    """The person, or an administrator of the service, denied access."""

    code, status, title = "access_declined", 400, gettext_noop("Access was declined")


class ConsentFailed(ConsentNotGiven):
    """The service ended the request for another reason than a denial: a scope, the request, the app, a fault."""

    code, status, title = "consent_failed", 400, gettext_noop("The service ended the request")


class ExchangeFailed(AttemptError):
    """The service redirected the person back but returned no usable token."""

    code, status, title = "exchange_failed", 502, gettext_noop("The service returned no token")
    help = "connection-failed"


class AttemptSettled(AttemptError):
    """The attempt was decided or has expired, or its connection no longer exists."""

    code, status, title = "attempt_settled", 409, gettext_noop("Already settled")


class IntegrationNotSetUp(SpecwayError):
    """No OAuth app is registered for the integration."""

    code, status, title, help = "integration_not_set_up", 409, gettext_noop("Not set up yet"), "not-set-up"


class ReauthorizationRequired(SpecwayError):
    """The grant has ended; its person has to reconnect."""

    code, status, title, help = "reauthorization_required", 409, gettext_noop("Reconnect needed"), "token-expired"


class MissingScopes(SpecwayError):
    """The connection lacks scopes that the caller named."""

    code, status, title, help = "missing_scopes", 409, gettext_noop("Permission missing"), "insufficient-permissions"


class ServiceUnavailable(SpecwayError):
    """The service does not issue a token right now; it is retried automatically."""

    code, status, title, help = (
        "service_unavailable",
        503,
        gettext_noop("The service does not respond"),
        "connection-failed",
    )


class WrongKind(SpecwayError):
    """This kind of connection does not support the request."""

    code, status, title = "wrong_kind", 409, gettext_noop("Not for this kind of connection")


class KeyRefused(SpecwayError):
    """The service rejected the key. `answered` is its HTTP status, if it responded with one."""

    code, status, title, help = "key_refused", 400, gettext_noop("The service rejected this key"), "invalid-api-key"


class KeyNotChecked(SpecwayError):
    """The key could not be verified: the person may store it unverified."""

    code, status, title, help = "key_not_checked", 503, gettext_noop("Not verified"), "connection-failed"


class AnotherAccount(SpecwayError):
    """The new key belongs to another account than the connection's."""

    code, status, title, help = "another_account", 409, gettext_noop("Another account"), "wrong-account"


class ForeignHost(SpecwayError):
    """The URL is not at the service, so the connection's credentials are not sent there."""

    code, status, title = "foreign_host", 400, gettext_noop("Not this service's address")


class Undecided(SpecwayError):
    """A member is to leave, and one of their connections has no decision."""

    code, status, title = "undecided", 409, gettext_noop("Connections first")


class InvalidPath(SpecwayError):
    """The path is not sent to a service, since it could be interpreted as another path."""

    code, status, title = "invalid_path", 400, gettext_noop("This path cannot be sent")


class NotFromHere(SpecwayError):
    """A page of another site, or a URL opened in the browser, tried to use a member's connection."""

    code, status, title = "not_from_here", 403, gettext_noop("Not allowed from this page")


class BodyTooLarge(SpecwayError):
    """A body that has to be signed as a whole is larger than the limit."""

    code, status, title = "body_too_large", 413, gettext_noop("The body is too large")


class ServiceUnreachable(SpecwayError):
    """The request was not sent: DNS, connection or TLS failed."""

    code, status, title, help = (
        "service_unreachable",
        502,
        gettext_noop("The service cannot be reached"),
        "connection-failed",
    )


class NoServiceAnswer(SpecwayError):
    """The request may have arrived, but there was no complete response."""

    code, status, title, help = "no_answer", 502, gettext_noop("Incomplete response"), "connection-failed"


class ServiceTimeout(SpecwayError):
    """The request may have arrived, but the service did not respond in time."""

    code, status, title, help = (
        "service_timeout",
        504,
        gettext_noop("The service did not respond in time"),
        "connection-failed",
    )


class TooManyCalls(SpecwayError):
    """The limit of concurrent calls is reached."""

    code, status, title, help = "too_many_calls", 503, gettext_noop("Too many concurrent calls"), "rate-limited"


class DestinationRefused(SpecwayError):
    """The service's address is one to which no request may be sent."""

    code, status, title = "destination_blocked", 400, gettext_noop("This address is not allowed")


class AnswerWithheld(SpecwayError):
    """A response that could not be searched for the connection's secret, for a caller who may not have it."""

    code, status, title = "answer_withheld", 502, gettext_noop("The response was withheld")


class ConnectSessionEnded(SpecwayError):
    """The link was used or has expired."""

    code, status, title = "connect_session_ended", 410, gettext_noop("This link has expired")


class SessionNotCancelable(SpecwayError):
    """The connect session has ended, or its connection is just being stored."""

    code, status, title = "connect_session_settled", 409, gettext_noop("This connect session has ended")


class MailedLately(SpecwayError):
    """The person was sent such a mail recently."""

    code, status, title = "rate_limited", 429, gettext_noop("Sent recently")


class NotChecked(SpecwayError):
    """A request for several checks took too long to check this connection."""

    code, status, title = "not_checked", 503, gettext_noop("Not checked")


class MinTtlNotMet(SpecwayError):
    """The service's tokens do not live as long as the caller requires."""

    code, status, title = "min_ttl_not_met", 409, gettext_noop("The token expires too early")
