"""Events as messages for a channel: the format of Slack's incoming webhooks, which other chats take too."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import reverse

from apps.notifications.models import Event
from apps.teams.languages import in_language

LONGEST = 300  # characters of each part
TITLE_OF_TEST = "Test event"


def slack_message(event: str, data: Mapping[str, Any]) -> dict[str, str]:
    """The body: `text` says what happened, to what, why, and links to the connection. In English, as all events."""
    label = f"{data['name']} ({data['integration']})" if _has(data, "name", "integration") else _subject(data)
    parts = [f"*{_escaped(_title(event))}*", _escaped(label), _escaped(data.get("detail"))]
    if data.get("connection") and event != Event.DISCONNECTED:
        page = settings.PUBLIC_URL + reverse("connections:connection", args=[data["connection"]])
        parts.append(f"<{page}|Open the connection>")
    return {"text": "\n".join(part for part in parts if part)}


def _title(event: str) -> str:
    with in_language(""):
        return str(Event(event).label) if event in Event.values else TITLE_OF_TEST


def _has(data: Mapping[str, Any], *names: str) -> bool:
    return all(data.get(name) for name in names)


def _subject(data: Mapping[str, Any]) -> Any:
    return data.get("name") or data.get("integration")


def _escaped(text: Any) -> str:
    """Without Slack's control characters: a name must not mention a channel (`<!channel>`) or make a link."""
    short = " ".join(str(text or "").split())[:LONGEST]
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
