"""The time zone and the theme of a person: stored, and followed by every page, but not by mail, exports and the API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from apps.audit.models import AuditEvent
from apps.teams.models import Membership, Role, User
from tests.factories import client_for, make_member

pytestmark = pytest.mark.django_db
ACCOUNT = reverse("web:account")
TOKYO = "Asia/Tokyo"


@pytest.fixture
def member() -> Membership:
    return make_member(role=Role.OWNER)


@pytest.fixture
def client(member: Membership) -> Client:
    return client_for(member)


def chosen(client: Client, **values: str) -> Any:
    return client.post(ACCOUNT, {"name": "Ada", **values}, follow=True)


def test_time_zone_and_theme_are_stored_and_shown_again(client: Client, member: Membership) -> None:
    html = chosen(client, time_zone=TOKYO, theme="dark").content.decode()
    stored = User.objects.get(pk=member.user.pk)
    assert (stored.name, stored.time_zone, stored.theme) == ("Ada", TOKYO, "dark")
    assert f'<option value="{TOKYO}" selected>' in html
    assert 'data-theme="dark"' in html
    assert "data-theme" not in chosen(client).content.decode()


@pytest.mark.parametrize("values", [{"time_zone": "Mars/Olympus"}, {"theme": "pink"}])
def test_unknown_values_are_refused(client: Client, member: Membership, values: dict[str, str]) -> None:
    assert "Select a valid choice" in chosen(client, **values).content.decode()
    assert User.objects.get(pk=member.user.pk).time_zone == ""


def event_at_noon(member: Membership) -> AuditEvent:
    return AuditEvent.objects.create(
        occurred_at=datetime(2026, 11, 24, 16, 30, tzinfo=UTC), team_id=member.team.pk, actor_kind="user",
        actor_id=str(member.user.pk), action="team.renamed", target_label="Northwind",
    )  # fmt: skip


def test_pages_show_times_in_the_time_zone(client: Client, member: Membership) -> None:
    event_at_noon(member)
    page = reverse("audit:list")
    assert "24 Nov, 16:30:00" in client.get(page).content.decode()
    chosen(client, time_zone=TOKYO)
    html = client.get(page).content.decode()
    assert "Time (JST)" in html
    assert "25 Nov, 01:30:00" in html
    # A day of a filter is one of that zone.
    assert "Northwind" in client.get(page, {"since": "2026-11-25", "until": "2026-11-25"}).content.decode()
    assert "25 Nov, 01:30" not in client.get(page, {"until": "2026-11-24"}).content.decode()


def test_the_api_exports_and_mail_stay_in_utc(
    client: Client, member: Membership, django_capture_on_commit_callbacks: Any
) -> None:
    event_at_noon(member)
    chosen(client, time_zone=TOKYO)
    assert "2026-11-24T16:30:00" in client.get("/api/v1/audit-events/").content.decode()
    exported = client.get(reverse("audit:export"), {"format": "csv"})
    assert b"2026-11-24T16:30:00" in b"".join(exported.streaming_content)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("teams:members"), {"emails": "new@specway.example", "role": "member"})
    assert " UTC" in mail.outbox[-1].body
    expires = member.team.invitations.get().expires_at
    assert f"{expires:%H:%M} UTC" in mail.outbox[-1].body


def test_a_zone_that_is_not_known_any_more_shows_utc(client: Client, member: Membership) -> None:
    event_at_noon(member)
    User.objects.filter(pk=member.user.pk).update(time_zone="Old/Zone")
    assert "Time (UTC)" in client.get(reverse("audit:list")).content.decode()


@pytest.fixture
def light_page(live_server: LiveServer, browser: Browser, client: Client) -> Iterator[Any]:
    context = browser.new_context(color_scheme="light", base_url=live_server.url, reduced_motion="reduce")
    context.add_cookies([{"name": c.key, "value": c.value, "url": live_server.url} for c in client.cookies.values()])
    yield context.new_page()
    context.close()


@pytest.mark.needs_browser
@pytest.mark.xdist_group("browser_own_server")
@pytest.mark.same_on_each_database
@pytest.mark.django_db(transaction=True)
def test_the_chosen_theme_is_shown_whatever_the_system_prefers(light_page: Any) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light_page.goto(ACCOUNT)
    light = light_page.evaluate(background)
    light_page.get_by_label("Theme").select_option("dark")
    light_page.get_by_role("button", name="Save profile").click()
    light_page.get_by_text("Profile saved.").wait_for()
    dark = light_page.evaluate(background)
    assert dark != light
    light_page.emulate_media(color_scheme="dark")
    light_page.get_by_label("Theme").select_option("light")
    light_page.get_by_role("button", name="Save profile").click()
    light_page.locator("html[data-theme=light]").wait_for(state="attached")
    assert light_page.evaluate(background) == light
