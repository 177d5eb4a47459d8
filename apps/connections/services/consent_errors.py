"""What an error of the consent page means for the person, by its code (RFC 6749 4.1.2.1, OpenID Connect Core 3.1.2.6).

The service's own description is added: it often names the cause.
"""

from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections.errors import AccessDeclined, ConsentFailed, ConsentNotGiven
from apps.connections.models import AuthorizationAttempt
from apps.connections.policy.refresh_outcomes import shown_message
from apps.connections.services import attempts
from apps.oauth.errors import AuthorizationDenied

_UNAVAILABLE = gettext_noop(
    "{name} cannot process the request right now (error “{code}”). Nothing was stored; try again later."
)
_INTERACTION = gettext_noop("{name} requires an action from you first (error “{code}”). Nothing was stored; try again.")
_REQUEST = gettext_noop(
    "{name} rejected the request itself (error “{code}”), so trying again does not help. Nothing "
    "was stored. Those who set up {name} here can correct it."
)
_MESSAGES = {
    "invalid_scope": (
        gettext_noop(
            "{name} does not offer one of the requested permissions to this app (error “{code}”). "
            "Nothing was stored. Choose other permissions, or have them enabled for the app at {name}."
        )
    ),
    "unauthorized_client": (
        gettext_noop(
            "{name} does not allow the OAuth app of this integration to request access (error “{code}”). "
            "Nothing was stored. The app’s maintainers can change that at {name}."
        )
    ),
    "invalid_request": _REQUEST,
    "unsupported_response_type": _REQUEST,
    "invalid_target": _REQUEST,
    "temporarily_unavailable": _UNAVAILABLE,
    "server_error": _UNAVAILABLE,
    "interaction_required": _INTERACTION,
    "login_required": _INTERACTION,
    "consent_required": _INTERACTION,
    "account_selection_required": _INTERACTION,
}
_OTHER = gettext_noop("{name} did not grant access (error “{code}”). Nothing was stored.")
_RESPONDED = gettext_noop("{name} responded: “{said}”.")
_DECLINED = gettext_noop("Access was declined at {name}. Nothing was stored.")


def settle(attempt: AuthorizationAttempt, denied: AuthorizationDenied, *, origin: Origin) -> ConsentNotGiven:
    """Settle an attempt whose consent page responded with an error. The error to raise."""
    said, name = shown_message(denied.description), attempt.integration.name
    is_declined = denied.error == "access_denied"
    template = _DECLINED if is_declined else _MESSAGES.get(denied.error, _OTHER)
    message = template.format(name=name, code=denied.error[:60])
    if said:
        message = f"{message} {_RESPONDED.format(name=name, said=said)}"
    error = (AccessDeclined if is_declined else ConsentFailed)(message, service_code=denied.error, service_message=said)
    attempts.fail(attempt, denied.error[:60], error, origin=origin, service_message=said)
    return error
