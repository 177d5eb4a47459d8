"""Lists of connections at any number: pages of 50 from the database, sorted, grouped, and small."""

import re

import pytest
from django.core.management import call_command
from django.db.models import Count
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, Status
from apps.teams.models import Membership
from tests.factories import client_for, make_user

pytestmark = pytest.mark.django_db
LIST, CREDENTIALS = reverse("connections:list"), reverse("connections:credentials")
HTMX = {"hx-request": "true"}
MAX_BYTES = 150_000


def demo(connections: int) -> Client:
    """A browser of the owner of a team with that many connections."""
    owner = make_user("Olivia Brandt")
    call_command("demo_data", connections=connections, owner=owner.email)
    return client_for(Membership.objects.get(user=owner))


def page_at(browser: Client, url: str, **query: str) -> str:
    response = browser.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def names(page: str) -> list[str]:
    return re.findall(r'<a class="name clip" href="[^"]*">([^<]*)</a>', page)


def groups(page: str) -> list[str]:
    return re.findall(r'colspan="7">([^<]*)<', page)


def in_order(*keys: str, **filters: object) -> list[str]:
    return list(Connection.objects.filter(**filters).order_by(*keys).values_list("name", flat=True))


@pytest.mark.parametrize("url", [LIST, CREDENTIALS])
def test_a_page_of_many_connections_stays_small(url: str) -> None:
    browser = demo(160)
    page = page_at(browser, url)
    assert page.count('id="connection-') + page.count('id="credential-') == 50
    assert len(page.encode()) < MAX_BYTES
    assert "1 to 50" in page
    assert "Page 1 of 4" in page


def test_pages_cover_every_connection_once_and_those_that_need_attention_come_first() -> None:
    browser = demo(60)
    found = [name for number in ("1", "2") for name in names(page_at(browser, LIST, page=number))]
    assert sorted(found) == sorted(in_order("name"))
    red = in_order("name", status=Status.NEEDS_ATTENTION)
    assert red
    assert set(found[: len(red)]) == set(red)
    assert groups(page_at(browser, LIST))[0] == "Needs attention"


def test_an_invalid_page_number_displays_a_page() -> None:
    browser = demo(30)
    for number in ("0", "-1", "x", "999"):
        assert names(page_at(browser, LIST, page=number)), number


@pytest.mark.parametrize("url", [LIST, CREDENTIALS])
def test_a_number_past_the_end_is_the_last_page_and_counts_are_those_of_the_matches(url: str) -> None:
    browser = demo(110)
    slugs = Connection.objects.values_list("integration__slug", flat=True).annotate(n=Count("pk")).order_by("-n")
    values = {"status": "active", "service": str(slugs[0]), "owner": "me", "search": "a", "sharing": "shared"}
    for query in ("status", "service", "service status", "owner", "search", "sharing kind", ""):
        chosen = {name: (values | {"kind": "oauth"})[name] for name in query.split()}
        numbers = range(1, 1 + browser.get(url, chosen).context["page"].paginator.num_pages)
        pages = [browser.get(url, {**chosen, "page": str(number)}).context["page"] for number in [*numbers, 99]]
        found = [connection.pk for page in pages[:-1] for connection in page.object_list]
        assert len(found) == len(set(found)) > 0, query
        assert {page.paginator.count for page in pages} == {len(found)}, query
        assert [row.pk for row in pages[-1].object_list] == [row.pk for row in pages[-2].object_list], query
        assert pages[-1].number == pages[-2].number == len(numbers), query


def test_the_list_is_sorted_and_grouped_by_the_url() -> None:
    browser = demo(40)
    page = page_at(browser, LIST, group="none", sort="-account", status="active")
    found = names(page)
    assert found == sorted(found, key=str.casefold, reverse=True)
    assert 'aria-sort="descending"' in page
    assert groups(page) == []
    by_owner = groups(page_at(browser, LIST, group="owner", status="active"))
    assert by_owner == sorted(by_owner)
    assert "Olivia Brandt" in by_owner


def test_filters_and_order_stay_while_one_turns_pages() -> None:
    page = page_at(demo(70), LIST, status="active", sort="-used", group="none")
    assert re.search(r'href="\?[^"]*status=active[^"]*page=2"', page)
    assert re.search(r'href="\?[^"]*sort=-used[^"]*page=2"', page)
    assert '<input type="hidden" name="sort" value="-used"' in page


def test_few_connections_are_displayed_in_boxes() -> None:
    page = page_at(demo(10), LIST)
    assert 'class="conn' in page
    assert "table--dense" not in page


def test_a_poll_gets_no_content_until_something_changes() -> None:
    browser = demo(30)
    page = page_at(browser, LIST)
    found = re.search(r'data-version="(\w+)"', page)
    assert found
    query = {"version": found[1]}
    assert browser.get(LIST, query, headers=HTMX).status_code == 204
    Connection.objects.filter(status=Status.ACTIVE).first().delete()
    response = browser.get(LIST, query, headers=HTMX)
    assert response.status_code == 200
    assert "table--dense" in response.content.decode()
    # The page itself is always sent: its version may come from a link.
    assert browser.get(LIST, query).status_code == 200


def test_demonstration_data_leads_to_no_request() -> None:
    demo(20)
    assert not Connection.objects.filter(token_set__next_refresh_at__isnull=False).exists()


def test_demonstration_data_has_the_requested_number_of_events() -> None:
    call_command("demo_data", connections=5, events=30)
    assert AuditEvent.objects.filter(target_type="connection").count() == 30
