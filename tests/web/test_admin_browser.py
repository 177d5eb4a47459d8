"""The administration in a real browser: no accessibility violations, menus and lists open, filters and actions."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from apps.connections.models import Connection
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.models import Integration, OAuthApp, ServiceRequest
from apps.teams.models import Membership
from tests import factories
from tests.browser.axe import load_with_pages, violations
from tests.connections.pages import make_connection, set_up_service
from tests.web.accessible import violations_in_both

pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser_own_server"),
    pytest.mark.same_on_each_database,
]


@pytest.fixture
def operator() -> Membership:
    membership = factories.make_member()
    membership.user.is_staff = membership.user.is_superuser = True
    membership.user.save()
    return membership


@pytest.fixture
def page(live_server: LiveServer, browser: Browser, operator: Membership) -> Iterator[Any]:
    cookies = factories.client_for(operator).cookies
    context = browser.new_context(base_url=live_server.url, reduced_motion="reduce")
    context.add_cookies([{"name": c.key, "value": c.value, "url": live_server.url} for c in cookies.values()])
    load_with_pages(context)
    page = context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def rows(operator: Membership) -> Connection:
    """One row of each kind that lists and pages show."""
    connection = make_connection(operator, set_up_service(), "Northwind")
    Connection.objects.filter(pk=connection.pk).update(
        status="needs_attention", status_reason="reauthorization_required"
    )
    OAuthApp.objects.update(broken_since=timezone.now(), broken_code="invalid_client")
    ServiceRequest.objects.create(
        integration=connection.integration, team=operator.team, user=operator.user, asked_at=timezone.now()
    )
    return connection


def change(model: str, row: Any) -> str:
    return reverse(f"admin:{model}_change", args=[row.pk])


def test_no_page_with_what_waits_for_an_operator_has_an_accessibility_violation(page: Any, rows: Connection) -> None:
    # tests/browser/test_accessibility.py looks at all pages, where nothing is broken or asked for.
    addresses = [
        *("/admin/", "/admin/health/", change("connections_connection", rows)),
        *(reverse("admin:integrations_oauthapp_changelist"), change("integrations_oauthapp", OAuthApp.objects.get())),
        reverse("admin:integrations_servicerequest_changelist"),
    ]
    found = (violations_in_both(page, url, number=number) for number, url in enumerate(addresses))
    assert [each for one in found for each in one] == []


def test_menus_filters_and_lists_are_accessible_when_open(page: Any, rows: Connection) -> None:
    load_catalog()
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(reverse("admin:connections_connection_changelist"))
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("link", name="Needs attention", exact=True).wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Menu", exact=True).click()
    page.locator("summary.account").click()
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(reverse("admin:integrations_oauthapp_add"))
    page.get_by_role("combobox", name="Integration").click()
    page.get_by_role("searchbox", name="Search").fill("GitHub")
    page.get_by_role("option", name="GitHub", exact=True).wait_for()
    assert violations(page) == []
    page.get_by_role("option", name="GitHub", exact=True).click()
    # The script fetches the service's own fields and the link to its console.
    page.locator("#id_client_id_helptext a").wait_for()
    github = Integration.objects.get(slug="github", team=None)
    assert page.url.endswith(f"?integration={github.pk}")


def test_rows_are_selected_and_acted_upon(page: Any, rows: Connection) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(reverse("admin:connections_connection_changelist"))
    assert not page.get_by_role("button", name="Revoke…").is_visible()
    page.locator(".action-select").check()
    page.get_by_text("1 of 1 selected").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Revoke…").click()
    page.get_by_role("button", name="Revoke 1 connection").wait_for()
    assert violations(page) == []
    assert Connection.objects.exists()
