"""The reasons of a red connection in words: one sentence each, the same wherever it is shown."""

from apps.connections.models import Connection
from apps.integrations.models import KINDS_WITH_KEY

_SENTENCES = {
    "reauthorization_required": "{name} no longer accepts this connection. Reconnect it to give access again.",
    "outcome_unknown": (
        "A refresh at {name} was interrupted and its outcome is unknown. Reconnect to be sure that access works."
    ),
    "token_expired": "The access that {name} gave has ended and cannot be renewed by itself. Reconnect it.",
    "oauth_app_changed": (
        "The OAuth app of {name} was replaced, or its addresses were changed, since this connection was made. "
        "Reconnect it to give access again."
    ),
    "address_changed": (
        "{name} has other addresses now than when this key was entered. Enter it again to let it be sent there."
    ),
    "values_missing": (
        "{name} asks for a value that this connection lacks, or that has to look otherwise now. Enter it to use the "
        "connection again."
    ),
    "key_refused": "{name} refuses the key of this connection. Replace it to give access again.",
    "missing_scopes": "{name} took away a permission that was granted before. Reconnect to add it again.",
    "integration_misconfigured": (
        "{name} refuses the OAuth app of this integration. Whoever keeps it is told; there is no need to reconnect."
    ),
    "service_unavailable": "{name} does not give a new token right now. It is tried again by itself.",
}

_HELP = {
    "reauthorization_required": "token-expired",
    "outcome_unknown": "token-expired",
    "token_expired": "token-expired",
    "oauth_app_changed": "token-expired",
    "address_changed": "invalid-api-key",
    "values_missing": "values-missing",
    "key_refused": "invalid-api-key",
    "missing_scopes": "insufficient-permissions",
    "integration_misconfigured": "not-set-up",
    "service_unavailable": "connection-failed",
}

# The button that repairs it; nothing where it heals by itself or only an operator can help.
_REPAIR = {
    "reauthorization_required": "Reconnect",
    "outcome_unknown": "Reconnect",
    "token_expired": "Reconnect",
    "oauth_app_changed": "Reconnect",
    "address_changed": "Replace key",
    "values_missing": "Enter values",
    "key_refused": "Replace key",
    "missing_scopes": "Add permission",
}


def reason_sentence(reason: str, name: str) -> str:
    """Why a connection to the integration called `name` needs attention."""
    return _SENTENCES[reason].format(name=name)


def help_anchor(reason: str) -> str:
    """The section of the troubleshooting page that explains the reason."""
    return _HELP[reason]


def repair_label(reason: str) -> str:
    """The words on the button that repairs it; empty where the person cannot."""
    return _REPAIR.get(reason, "")


def asks_values(connection: Connection) -> bool:
    """Whether something has to be entered before its consent is given again."""
    return connection.status_reason == "values_missing" and connection.integration.kind not in KINDS_WITH_KEY


def status_sentence(connection: Connection) -> str:
    """What is to be said of the connection: why it is red, and whose grant it still is. Empty: nothing."""
    reason, name = connection.status_reason, connection.integration.name
    sentences = [reason_sentence(reason, name)] if reason else []
    if connection.handed_over_from:
        sentences.append(hand_over_sentence(connection))
    return " ".join(sentences)


def hand_over_sentence(connection: Connection) -> str:
    """Whose access a handed-over connection still is, and how that ends."""
    who, name = connection.handed_over_from, connection.integration.name
    if connection.integration.kind in KINDS_WITH_KEY:
        return f"It still signs in at {name} with what {who} entered, until somebody replaces it."
    return f"It still signs in at {name} with the account and consent of {who}, until its new owner reconnects it."
