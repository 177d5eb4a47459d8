"""Mail: one message per recipient, as text and as escaped HTML."""

import pytest
from django.core import mail
from django.utils.translation import get_language

from apps.notifications.mail import Mail, send
from apps.teams.models import User

pytestmark = pytest.mark.django_db
MESSAGE = Mail(
    subject="Slack: one\r\nline",
    title="Slack <b>says</b> no",
    paragraphs=("First & second.",),
    action="Open it",
    url="https://specway.example/plugins/slack/app/",
    why="You get this as an operator.",
    items_title="Dependents",
    items=("<i>Fernhill</i>",),
)


def test_each_recipient_gets_a_separate_message() -> None:
    assert send(lambda: MESSAGE, to=["a@fernhill.example", "b@fernhill.example"]) == 2
    assert [message.to for message in mail.outbox] == [["a@fernhill.example"], ["b@fernhill.example"]]
    assert not any(message.cc or message.bcc for message in mail.outbox)


def test_the_text_is_plain_and_the_html_is_escaped() -> None:
    send(lambda: MESSAGE, to=["a@fernhill.example"])
    (message,) = mail.outbox
    assert message.subject == "Slack: one line"
    assert "Slack <b>says</b> no\n\nFirst & second.\n" in message.body
    assert "Open it:\nhttps://specway.example/plugins/slack/app/\n" in message.body
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined] # mails of ours have one
    assert "Slack &lt;b&gt;says&lt;/b&gt; no" in html
    assert "<i>" not in html


def test_nothing_is_sent_without_recipients() -> None:
    assert send(lambda: MESSAGE, to=[]) == 0


def test_mail_is_written_in_the_language_of_each_recipient() -> None:
    """Whatever the language of the page on which it was asked for."""
    User.objects.create_user("de@fernhill.example", language="de")
    User.objects.create_user("browser@fernhill.example")
    written: list[str | None] = []

    def write() -> Mail:
        written.append(get_language())
        return MESSAGE

    assert send(write, to=["de@fernhill.example", "browser@fernhill.example", "unknown@fernhill.example"]) == 3
    assert written == ["de", "en"]
    languages = {message.to[0]: str(message.alternatives[0].content) for message in mail.outbox}
    assert '<html lang="de">' in languages["de@fernhill.example"]
    assert '<html lang="en">' in languages["browser@fernhill.example"]
