"""Sends mail about events that come as plain data, to each recipient alone: text, and the same as HTML."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Mail:
    """What to say. `subject` names the service and what it stops; `why` tells recipients why they get it.

    `items` under `items_title` is what is at stake; `action` is what the link to `url` (absolute) does.
    """

    subject: str
    title: str
    paragraphs: tuple[str, ...]
    action: str
    url: str
    why: str
    items_title: str = ""
    items: tuple[str, ...] = ()


def send(mail: Mail, *, to: Iterable[str]) -> int:
    """Send it to each address. The number of messages; raises what the mail server's client raises (OSError mostly)."""
    context = {"mail": mail}
    text = render_to_string("notifications/mail.txt", context)
    html = render_to_string("notifications/mail.html", context)
    subject = " ".join(mail.subject.split())  # a name may hold a line break, which no header may
    messages = []
    for address in to:
        message = EmailMultiAlternatives(subject=subject, body=text, to=[address])
        message.attach_alternative(html, "text/html")
        messages.append(message)
    return get_connection().send_messages(messages) or 0 if messages else 0
