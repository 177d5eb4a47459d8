"""The OpenAPI description of the events that webhooks receive."""

from typing import Any

from apps.notifications.models import Event

_TEXT = {"type": "string"}
_ID = {"type": "string", "format": "uuid"}
_NAMES = {
    "external_id": _TEXT,
    "tags": {"type": "array", "items": _TEXT},
    "metadata": {"type": "object", "additionalProperties": True},
}
_SUBJECTS: dict[str, dict[str, Any]] = {
    "connection": {
        "connection": _ID,
        "name": _TEXT,
        "owner": _ID,
        "status": _TEXT,
        "account": {"type": "object", "properties": {"subject": _TEXT, "label": _TEXT}},
        **_NAMES,
    },
    "connect_session": {"connect_session": _ID, "member": _ID, "status": _TEXT, **_NAMES},
    "integration": {},
    "credential": {
        "kind": {"type": "string", "enum": ["key", "grant", "api_key", "client_secret"]},
        "name": _TEXT,
        "ends_on": {"type": "string", "format": "date"},
        "days_left": {"type": "integer"},
    },
    "member": {"member": _ID, "name": _TEXT},
}
_SIGNATURE = "A signature by Standard Webhooks (https://www.standardwebhooks.com/)."


def document_webhooks(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: adds an operation for each event, by its type."""
    if "/api/v1/webhooks/" in result.get("paths", {}):
        result["webhooks"] = {event.value: {"post": _operation(event)} for event in Event}
    return result


def _operation(event: Event) -> dict[str, Any]:
    headers = {"webhook-id": "The message's ID, the same for each attempt.", "webhook-timestamp": "Unix time."}
    headers["webhook-signature"] = _SIGNATURE
    parameters = [
        {"in": "header", "name": name, "required": True, "schema": _TEXT, "description": description}
        for name, description in headers.items()
    ]
    return {
        "operationId": "event_" + event.value.replace(".", "_"),
        "summary": str(event.label),
        "description": f"{event.label}. Any status of 200 to 299 accepts the message; others are retried for a day.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _message(event)}}},
        "responses": {"2XX": {"description": "The message was accepted."}},
    }


def _message(event: Event) -> dict[str, Any]:
    subject = event.value.partition(".")[0]
    properties = {"team": _ID, "integration": _TEXT} | _SUBJECTS[subject]
    required = ["team"] if subject in ("credential", "member") else ["team", "integration"]
    data = {"type": "object", "required": required, "properties": properties}
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": event.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data | {"additionalProperties": True},
        },
    }
