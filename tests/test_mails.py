"""Every mail: plain text, and HTML that shows the same, with one button and nothing remote."""

import re
from html import unescape
from typing import Any

import pytest

from apps.teams.mail import as_html
from tests.mails import html_of, kinds, received, send

pytestmark = pytest.mark.django_db
WITHOUT_A_BUTTON = {"password-changed"}
GERMAN = {
    "attention": "Handlungsbedarf",
    "invitation": "Einladung",
    "password-reset": "Passwort",
    "password-changed": "geändert",
}


@pytest.mark.parametrize("kind", kinds())
def test_each_mail_has_a_button_and_nothing_remote(kind: str, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        address = send(kind)
    message = received(address)
    html = html_of(message)
    assert '<html lang="en">' in html
    buttons = re.findall(r'<a class="btn" href="([^"]+)">', html)
    assert len(buttons) == (0 if kind in WITHOUT_A_BUTTON else 1)
    for link in buttons:
        assert unescape(link) in str(message.body)
    assert not re.search(r"<img|<link|<script|src=|url\(|@import", html)
    assert "&lt;" not in html


@pytest.mark.parametrize("kind", GERMAN)
def test_mail_is_in_the_language_of_who_gets_it(kind: str, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        address = send(kind, "de")
    message = received(address)
    for text in (str(message.body) + message.subject, html_of(message)):
        assert GERMAN[kind] in text
    assert '<html lang="de">' in html_of(message)


def test_what_people_write_is_text_in_html() -> None:
    link = "https://specway.example/x/?a=1&b=2"
    text = f'<b>Ines</b> invites you:\n{link}\n\n8F3A-2B9C\n\nhttps://other.example/"onclick=1\n\nSpecway\n'
    html = as_html("A <i> subject", text, {link: "Open <it>"})
    assert "<b>" not in html
    assert "<i>" not in html
    assert '<a class="btn" href="https://specway.example/x/?a=1&amp;b=2">Open &lt;it&gt;</a>' in html
    assert '<p class="code">8F3A-2B9C</p>' in html
    assert '"onclick' not in html
    assert "<p>Specway</p>" not in html
