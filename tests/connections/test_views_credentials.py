"""Settings → Credentials: everything of every kind that one may see, and the filters in the address."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection
from apps.integrations.models import Integration
from apps.teams.models import Membership, Role
from tests.connections.pages import make_connection, make_red, set_up_service, share
from tests.factories import client_for, make_member, make_user

pytestmark = pytest.mark.django_db
PAGE = reverse("connections:credentials")


@pytest.fixture
def me() -> Membership:
    """With an OAuth connection, one to a custom API, an API key and a basic one, and a colleague's shared one."""
    member, service = make_member(user=make_user("Mara Lindqvist")), set_up_service()
    other = make_member(member.team, user=make_user("Ines Achterberg"))
    make_red(make_connection(member, service, "Ada"))
    share(make_connection(other, service, "Ines's"), level="view")
    make_connection(other, service, "Ines's own")
    for name, slug, kind, team in (
        ("Warehouse", "warehouse", Integration.Kind.OAUTH2, member.team),
        ("Stripe live", "stripe-like", Integration.Kind.API_KEY, None),
        ("Twilio texts", "twilio-like", Integration.Kind.BASIC, None),
    ):
        row = Integration.objects.create(slug=slug, name=slug, category="developer-tools", kind=kind, team=team)
        Connection.objects.create(
            team=member.team,
            integration=row,
            owner=member.user,
            name=name,
            status_changed_at=timezone.now(),
            created_at=timezone.now(),
        )
    Connection.objects.filter(name="Stripe live").update(last_used_at=timezone.now() - timedelta(days=2))
    Connection.objects.filter(name="Twilio texts").update(last_used_at=timezone.now() - timedelta(days=40))
    return member


def names(browser: Client, **query: str) -> list[str]:
    answer = browser.get(PAGE, query)
    assert answer.status_code == 200
    return re.findall(r'<a class="name break"[^>]*>([^<]*)</a>', answer.content.decode())


EVERY = {"Ada", "Ines&#x27;s", "Warehouse", "Stripe live", "Twilio texts"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, EVERY),
        ({"kind": "oauth"}, {"Ada", "Ines&#x27;s", "Warehouse"}),
        ({"kind": "api_key"}, {"Stripe live"}),
        ({"kind": "basic"}, {"Twilio texts"}),
        ({"kind": "custom"}, {"Warehouse"}),
        ({"status": "needs_attention"}, {"Ada"}),
        ({"sharing": "shared"}, {"Ines&#x27;s"}),
        ({"owner": "me", "kind": "oauth"}, {"Ada", "Warehouse"}),
        ({"used": "lately"}, {"Stripe live"}),
        ({"used": "not"}, EVERY - {"Stripe live"}),
        ({"used": "never"}, EVERY - {"Stripe live", "Twilio texts"}),
        ({"search": "STRIPE"}, {"Stripe live"}),
        ({"search": "ines"}, {"Ines&#x27;s"}),
        ({"kind": "nonsense", "used": "x", "owner": "y", "page": "z"}, EVERY),
        ({"search": "nothing like it"}, set()),
    ],
)
def test_filters_are_in_the_query_string(me, query, expected) -> None:
    found = names(client_for(me), **query)
    assert set(found) == expected
    assert len(found) == len(expected)


def counts(browser: Client, **query: str) -> dict[str, int]:
    return {chip.label: chip.count for chip in browser.get(PAGE, query).context["chips"]}


def test_each_kind_has_its_number_whatever_was_counted_before(me) -> None:
    browser = client_for(me)
    all_of_them = {"All kinds": 5, "OAuth": 3, "API key": 1, "Basic": 1, "Custom": 1}
    assert counts(browser) == counts(browser, kind="basic", sort="used") == all_of_them
    # A search is counted by the database, the list without filters by service.
    Connection.objects.update(account_label="same")
    assert counts(browser, search="same") == all_of_them
    assert counts(browser, kind="oauth", used="never") == {"All kinds": 3, "OAuth": 3, "Custom": 1}


def test_what_needs_attention_comes_first_and_each_leads_to_its_page(me) -> None:
    page = client_for(me).get(PAGE).content.decode()
    assert names(client_for(me))[0] == "Ada"
    for connection in Connection.objects.exclude(name="Ines's own"):
        assert reverse("connections:connection", args=[connection.pk]) in page


def test_a_viewer_is_offered_no_actions(me) -> None:
    page = client_for(me).get(PAGE, {"search": "ines"}).content.decode()
    theirs = Connection.objects.get(name="Ines's")
    assert reverse("connections:activity", args=[theirs.pk]) in page
    for action in ("disconnect", "rename"):
        assert reverse(f"connections:{action}", args=[theirs.pk]) not in page


def test_other_teams_see_an_empty_page_with_a_hint(me) -> None:
    page = client_for(make_member(role=Role.OWNER)).get(PAGE).content.decode()
    assert "No credentials yet" in page
    assert "Ada" not in page


def test_no_matches_offers_to_clear_the_filters(me) -> None:
    page = client_for(me).get(PAGE, {"search": "nothing like it"}).content.decode()
    assert "Clear filters" in page
