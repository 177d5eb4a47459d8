"""German is complete and current, pages are in it, and what programs read stays English."""

import re
from functools import cache
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import translation

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt
from apps.notifications.disabled_alerts import alert_admins
from apps.notifications.models import Webhook
from apps.sql import Now
from apps.teams.models import Membership, Role, User
from tests.connections.pages import open_callback, set_up_service, start_flow
from tests.connections.rows import make_connection, make_integration
from tests.factories import client_for, make_member
from tests.translations import TEMPLATES, templates, untranslated
from tests.unmarked import APPS, modules, unmarked

# Sentences of the pages that are shown.
pytestmark = pytest.mark.same_on_each_database
GERMAN = Path(settings.BASE_DIR) / "locale/de/LC_MESSAGES/django.po"
_PARTS = re.compile(r"%\(\w+\)[a-z]|\{\w+\}|</?[a-z][^>]*>")


@cache
def entries() -> list[polib.POEntry]:
    return list(polib.pofile(str(GERMAN)))


def test_all_texts_of_templates_are_marked() -> None:
    found = {f"{path}:{line}": text for path in templates([TEMPLATES]) for line, text in untranslated(path)}
    assert found == {}


def test_every_text_has_a_german_one() -> None:
    assert [one.msgid for one in entries() if not one.translated() or one.fuzzy or one.obsolete] == []


def test_translations_have_the_values_and_tags_of_their_text() -> None:
    wrong = []
    for one in entries():
        expected = set(_PARTS.findall(one.msgid)) | set(_PARTS.findall(one.msgid_plural))
        texts = list(one.msgstr_plural.values()) or [one.msgstr]
        wrong += [text for text in texts if set(_PARTS.findall(text)) - expected]
        wrong += [one.msgid] if expected - set(_PARTS.findall(texts[-1])) else []
    assert wrong == []


def test_the_compiled_file_is_current() -> None:
    compiled = {(one.msgctxt, one.msgid): one for one in polib.mofile(str(GERMAN.with_suffix(".mo")))}
    assert compiled.keys() == {(one.msgctxt, one.msgid) for one in entries()}
    for one in entries():
        same = compiled[one.msgctxt, one.msgid]
        assert (same.msgstr, same.msgstr_plural) == (one.msgstr, one.msgstr_plural)


@pytest.fixture
def german() -> Membership:
    member = make_member(role=Role.OWNER)
    User.objects.filter(pk=member.user_id).update(language="de", is_staff=True, is_superuser=True)
    member.user.refresh_from_db()
    return member


@pytest.fixture
def client(german: Membership) -> Client:
    return client_for(german)


@pytest.fixture
def sentences() -> list[str]:
    """The English sentences of the catalog that a page shows as they are, without values."""
    with translation.override("de"):
        texts = [one.msgid for one in entries() if " " in one.msgid and one.msgid != one.msgstr]
    return [text for text in texts if len(text) > 24 and not set(text) & set("%<{&’'\"“\n")]


PAGES = (
    "/plugins/", "/plugins/sandbox/", "/custom-apis/", "/try/", "/settings/integrations/", "/settings/credentials/",
    "/settings/credentials/expiring/", "/notifications/", "/settings/audit-log/", "/settings/team/",
    "/settings/team/unneeded-access/", "/settings/api-keys/", "/settings/webhooks/", "/account/",
    "/account/notifications/", "/help/", "/teams/new/", "/admin/health/", "/nowhere/",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
def test_pages_are_german(client: Client, sentences: list[str], page: str) -> None:
    response = client.get(page)
    html = response.content.decode()
    assert '<html lang="de"' in html
    assert response["Content-Language"] == "de"
    assert [text for text in sentences if text in html] == []


@pytest.mark.django_db
@pytest.mark.parametrize("tab", ["", "permissions/", "sharing/", "activity/", "trace/", "disconnect/"])
def test_the_pages_of_a_connection_are_german(
    german: Membership, client: Client, sentences: list[str], tab: str
) -> None:
    connection = make_connection(make_integration(), german)
    html = client.get(f"/connections/{connection.pk}/{tab}").content.decode()
    assert '<html lang="de"' in html
    assert [text for text in sentences if text in html] == []


@pytest.mark.django_db
def test_without_a_choice_pages_are_english() -> None:
    browser = Client(headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="en"' in browser.get("/accounts/login/").content.decode()


@pytest.mark.django_db
def test_the_api_is_english_whatever_the_person_and_the_browser_speak(client: Client) -> None:
    headers = {"accept-language": "de"}
    for path in ("/api/v1/connections/", "/api/v1/connections/00000000-0000-0000-0000-000000000000/", "/api/schema/"):
        german_browser = client.get(path, headers=headers)
        assert german_browser.content == client.get(path).content
        assert "Content-Language" not in german_browser
    assert "Diese" not in client.get("/api/v1/connections/x/", headers=headers).content.decode()


@pytest.mark.django_db
def test_errors_are_stored_in_english_and_shown_in_german(german: Membership, client: Client) -> None:
    set_up_service()
    _, state = start_flow(client)
    answer = open_callback(client, state=state, error="access_denied", iss="https://sandbox.example")
    attempt = AuthorizationAttempt.objects.get()
    assert attempt.error_message == "Access was declined at Sandbox. Nothing was stored."
    assert "Der Zugriff wurde bei Sandbox abgelehnt. Es wurde nichts gespeichert." in answer.content.decode()
    assert "abgelehnt" not in str(list(AuditEvent.objects.values_list("detail", flat=True)))


@pytest.mark.django_db
def test_a_person_with_german_gets_german_mail(german: Membership) -> None:
    Webhook.objects.create(
        team=german.team, url="https://hooks.fernhill.example/", created_at=Now(), gave_up_at=Now(), is_on=False
    )
    assert alert_admins() == 1
    assert mail.outbox[-1].subject == "Webhook abgeschaltet: hooks.fernhill.example"
    assert "Specway fragt nie per E-Mail nach einem Passwort" in mail.outbox[-1].body


@pytest.mark.django_db
def test_dates_follow_the_chosen_format(german: Membership, client: Client) -> None:
    connection = make_connection(make_integration(), german)
    page = f"/connections/{connection.pk}/"
    created = connection.created_at
    assert f"{created:%d.%m.%Y}, " in client.get(page).content.decode()
    User.objects.filter(pk=german.user_id).update(date_format="us")
    assert re.search(rf"{created:%m/%d/%Y}, \d+:\d\d:\d\d (AM|PM)", client.get(page).content.decode())


def test_all_sentences_of_modules_are_marked() -> None:
    found = {f"{path.relative_to(APPS)}:{line}": text for path in modules() for line, text in unmarked(path)}
    assert found == {}
