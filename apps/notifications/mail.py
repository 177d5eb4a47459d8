"""Sends mail about events, one message per recipient, as text and HTML; and the addresses of recipients."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from apps.teams.languages import in_language
from apps.teams.models import Role, User


@dataclass(frozen=True)
class Mail:
    """The content of a mail. `subject` names the service and the problem; `why` says why people receive it.

    `items` under `items_title` are what is affected; `action` is the label of the link to `url` (absolute).
    """

    subject: str
    title: str
    paragraphs: tuple[str, ...]
    action: str
    url: str
    why: str
    items_title: str = ""
    items: tuple[str, ...] = ()


def send(write: Callable[[], Mail], *, to: Iterable[str]) -> int:
    """Send the mail to each address separately, written in the language that the person chose, else in English.

    Returns the number of messages. Raises the exceptions of the mail back end, mostly OSError.
    """
    messages = [
        message
        for language, addresses in _by_language(list(to)).items()
        for message in _written(write, addresses, language)
    ]
    return get_connection().send_messages(messages) or 0 if messages else 0


def _written(write: Callable[[], Mail], addresses: list[str], language: str) -> list[EmailMultiAlternatives]:
    with in_language(language):
        mail = write()
        text = render_to_string("notifications/mail.txt", {"mail": mail})
        html = render_to_string("notifications/mail.html", {"mail": mail})
    subject = " ".join(mail.subject.split())  # names may contain line breaks, which headers must not
    messages = []
    for address in addresses:
        message = EmailMultiAlternatives(subject=subject, body=text, to=[address])
        message.attach_alternative(html, "text/html")
        messages.append(message)
    return messages


def _by_language(addresses: list[str]) -> dict[str, list[str]]:
    chosen = dict(User.objects.filter(email__in=addresses).values_list("email", "language"))
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(chosen.get(address, ""), []).append(address)
    return found


def operators() -> list[str]:
    """The addresses of all active operators."""
    return list(User.objects.filter(is_staff=True, is_active=True).order_by("email").values_list("email", flat=True))


def owners_and_admins(team_id: UUID) -> list[str]:
    """The addresses of the team's active owners and admins."""
    people = User.objects.filter(
        is_active=True, memberships__team=team_id, memberships__role__in=(Role.OWNER, Role.ADMIN)
    )
    return list(people.order_by("email").values_list("email", flat=True))
