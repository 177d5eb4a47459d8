"""What people read about a connection: why it needs attention, how to repair it, and how its first refresh went."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.models import Connection
from apps.integrations.catalog.offline_access import next_step
from apps.integrations.models import KINDS_WITH_KEY

_REASONS = {
    "reauthorization_required": _("{name} no longer accepts this connection. Reconnect it to give access again."),
    "outcome_unknown": (
        _("A refresh at {name} was interrupted and its outcome is unknown. Reconnect to be sure that access works.")
    ),
    "token_refused": _(
        "{name} rejects the access token of this connection, although it has not expired. Reconnect it."
    ),
    "token_expired": _("Access to {name} has expired and cannot be renewed automatically. Reconnect it."),
    "oauth_app_changed": (
        _(
            "The OAuth app of {name} was replaced, or its addresses were changed, after this connection was created. "
            "Reconnect it to give access again."
        )
    ),
    "address_changed": (
        _("The addresses of {name} were changed after this key was entered. Enter the key again to use it there.")
    ),
    "values_missing": (
        _("{name} requires a value that is missing or no longer valid. Enter it to use the connection again.")
    ),
    "key_refused": _("This key was rejected by {name}. Replace it to give access again."),
    "missing_scopes": _("{name} removed a permission that was granted before. Reconnect to add it again."),
    "integration_misconfigured": (
        _(
            "{name} rejects the OAuth app of this integration. Its maintainers are notified; you do not need to"
            " reconnect."
        )
    ),
    "service_unavailable": _("{name} does not issue a new token right now. Specway retries automatically."),
}

# The same in at most four words, for tables.
_SHORT_REASONS = {
    "reauthorization_required": _("No longer accepted"),
    "outcome_unknown": _("Refresh interrupted"),
    "token_refused": _("Token rejected"),
    "token_expired": _("Access expired"),
    "oauth_app_changed": _("OAuth app replaced"),
    "address_changed": _("Addresses changed"),
    "values_missing": _("Value missing"),
    "key_refused": _("Key rejected"),
    "missing_scopes": _("Permission removed"),
    "integration_misconfigured": _("OAuth app rejected"),
    "service_unavailable": _("Service unavailable"),
}

# Why a connection can need attention.
REASONS = tuple(_SHORT_REASONS)

_HELP = {
    "reauthorization_required": "token-expired",
    "outcome_unknown": "token-expired",
    "token_refused": "token-expired",
    "token_expired": "token-expired",
    "oauth_app_changed": "token-expired",
    "address_changed": "invalid-api-key",
    "values_missing": "values-missing",
    "key_refused": "invalid-api-key",
    "missing_scopes": "insufficient-permissions",
    "integration_misconfigured": "not-set-up",
    "service_unavailable": "connection-failed",
}

# The label of the button that repairs it; none if it recovers by itself or needs an operator.
_REPAIR = {
    "reauthorization_required": _("Reconnect"),
    "outcome_unknown": _("Reconnect"),
    "token_refused": _("Reconnect"),
    "token_expired": _("Reconnect"),
    "oauth_app_changed": _("Reconnect"),
    "address_changed": _("Replace key"),
    "values_missing": _("Enter values"),
    "key_refused": _("Replace key"),
    "missing_scopes": _("Add permission"),
}

_FIRST_REFRESH = {
    "due": _("The first refresh of this connection is in progress."),
    "never_ends": _("{name} issued a token that does not expire, so nothing has to be refreshed."),
    "worked": _("Its token was refreshed once right after connecting, so it renews itself."),
    "no_refresh_token": (
        _(
            "{name} returned no refresh token, so this connection ends when its access token expires. Request "
            "offline access on the API’s Authentication tab (a scope such as offline_access, or the parameter "
            "access_type=offline), then reconnect."
        )
    ),
    "client_refused": (
        _(
            "{name} issued a token for the code, but rejects the client when it refreshes{code}. Check the client "
            "authentication on the API’s Authentication tab; reconnecting does not help."
        )
    ),
    "grant_refused": (
        _(
            "{name} rejected the refresh token that it had just issued{code}. Check the refresh URL and the scopes "
            "on the API’s Authentication tab, then reconnect."
        )
    ),
    "request_refused": (
        _(
            "{name} rejected the first refresh{code}. Check the extra parameters of token requests on the API’s "
            "Authentication tab."
        )
    ),
    "malformed": (
        _(
            "The response of {name} to the first refresh was not a token response. Check the refresh URL on the "
            "API’s Authentication tab."
        )
    ),
}
FIRST_REFRESH_FAULTS = frozenset(_FIRST_REFRESH) - {"due", "worked", "never_ends"}


def short_reason(reason: str) -> str:
    """Why a connection needs attention, in at most four words; "" for an unknown reason."""
    return str(_SHORT_REASONS.get(reason, ""))


def reason_message(reason: str, name: str, service_message: str = "") -> str:
    """Why a connection to the integration called `name` needs attention, with the service's own description."""
    message = _REASONS[reason].format(name=name)
    if not service_message:
        return message
    words = {"reason": message, "name": name, "words": service_message}
    return gettext("%(reason)s %(name)s responded: “%(words)s”.") % words


def reason_of(connection: Connection) -> str:
    """Why a connection that needs attention does, with the service's own description."""
    return reason_message(connection.status_reason, connection.integration.name, connection.service_message)


def help_anchor(reason: str) -> str:
    """The section of the troubleshooting page that explains the reason."""
    return _HELP[reason]


def reasons_explained_by(topic: str) -> list[str]:
    """The reasons that the topic of help explains."""
    return [reason for reason, anchor in _HELP.items() if anchor == topic]


def repair_label(reason: str) -> str:
    """The label of the button that repairs it; empty if the person cannot."""
    return str(_REPAIR.get(reason, ""))


def asks_values(connection: Connection) -> bool:
    """Whether parameter values have to be entered before the connection is authorized again."""
    return connection.status_reason == "values_missing" and connection.integration.kind not in KINDS_WITH_KEY


def status_message(connection: Connection) -> str:
    """Why the connection needs attention, and whose access it still uses after a hand-over. May be empty."""
    messages = [reason_of(connection)] if connection.status_reason else []
    if connection.handed_over_from:
        messages.append(hand_over_message(connection))
    return " ".join(messages)


def hand_over_message(connection: Connection) -> str:
    """Whose access a handed-over connection still uses, and until when."""
    former, name = connection.handed_over_from, connection.integration.name
    if connection.integration.kind in KINDS_WITH_KEY:
        return gettext("It still signs in at %(name)s with the key that %(former)s entered, until it is replaced.") % {
            "name": name,
            "former": former,
        }
    return gettext(
        "It still signs in at %(name)s with the account of %(former)s, until its new owner reconnects it."
    ) % {"name": name, "former": former}


def first_refresh_outcome(connection: Connection) -> str:
    """The outcome of the first refresh, "" if it is not known; "never_ends" where none is needed."""
    first_refresh, token_set = getattr(connection, "first_refresh", None), getattr(connection, "token_set", None)
    if first_refresh is None:
        return ""
    is_lasting = token_set is not None and token_set.expires_at is None
    return "never_ends" if is_lasting and first_refresh.outcome == "no_refresh_token" else str(first_refresh.outcome)


def first_refresh_message(outcome: str, *, name: str, code: str = "") -> str:
    """How the first refresh at the integration called `name` went; `code` is the service's error code."""
    return _FIRST_REFRESH[outcome].format(
        name=name, code=gettext(" (error “%(code)s”)") % {"code": code} if code else ""
    )


def connected_message(connection: Connection, result: Mapping[str, Any]) -> str:
    """That an authorization flow succeeded, with what it changed; `result` is the attempt's."""
    if result.get("connected_already"):
        connected = gettext("%(connection)s was connected already.") % {"connection": connection.name}
        texts = [
            connected,
            changes_message({**result, "connected_already": False}) or gettext("Its tokens were replaced."),
        ]
    else:
        texts = [gettext("%(connection)s is connected.") % {"connection": connection.name}, changes_message(result)]
    return " ".join(text for text in (*texts, result.get("ended", "")) if text)


def changes_message(result: Mapping[str, Any]) -> str:
    """What a flow changed in a connection that existed already; "" for a new one and where nothing else changed."""
    changes = result.get("changes", {})
    texts = (
        [gettext("This account was connected already: its tokens were replaced.")]
        if result.get("connected_already")
        else []
    )
    if added := changes.get("scopes_added"):
        texts.append(gettext("Permissions added: %(added)s.") % {"added": ", ".join(added)})
    if removed := changes.get("scopes_removed"):
        texts.append(gettext("Permissions removed: %(removed)s.") % {"removed": ", ".join(removed)})
    if account := changes.get("account"):
        texts.append(
            gettext("The account is now %(after)s; it was %(before)s.")
            % {"after": account["after"], "before": account["before"]}
        )
    return " ".join(texts)


def refresh_token_hint(scopes: Sequence[str], parameters: Mapping[str, str]) -> str:
    """What to try next, so that a service returns a refresh token, after `scopes` and `parameters` were requested.

    The scope of OpenID Connect Core 11 first, then what other services take.
    """
    step = next_step(scopes, parameters)
    if step is not None:
        return gettext("Add %(label)s, then reconnect.") % {"label": step.label}
    return gettext("Ask the service how its refresh tokens are requested.")
