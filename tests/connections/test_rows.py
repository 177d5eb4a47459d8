"""The rows of lists of connections: what is loaded for them, and the URLs in them."""

import re
import secrets
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection as database
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import reverse, set_script_prefix
from django.utils import timezone

from apps.connections.models import Connection, Credential, FirstRefresh, TokenSet
from apps.connections.views.connection_pages import page_of, version_of
from apps.connections.views.rows import RowUrls, row_of
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import Membership
from tests.connections.pages import make_connection, make_red, set_up_service, share
from tests.factories import actor_for, make_member

pytestmark = pytest.mark.django_db
TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates/connections").glob("_*.html"))


def make_of_each_kind(me: Membership) -> None:
    """Connections that work or not, shared or not, with a token, a key, or neither, of services and of custom APIs."""
    service, other = set_up_service(), make_member(me.team)
    make_connection(me, service, "Works", handed_over_from="Mara")
    make_red(make_connection(me, service, "Is refused", service_message="no such account"))
    make_red(make_connection(me, service, "Has no value"), "values_missing")
    share(make_connection(other, service, "Is shared"), "view")
    FirstRefresh.objects.create(
        connection=make_connection(me, service, "Is not refreshed"),
        outcome=FirstRefresh.Outcome.CLIENT_REFUSED,
        code="invalid_client",
        at=timezone.now(),
    )
    TokenSet.objects.filter(connection__name="Works").update(next_refresh_at=None)
    for kind in (Integration.Kind.API_KEY, Integration.Kind.CLIENT_CREDENTIALS):
        api = Integration.objects.create(slug=f"own-{kind}", name="Own", team=me.team, kind=kind, category="other")
        OAuthApp.objects.create(integration=api, team=me.team, client_id="c", client_secret=secrets.token_urlsafe())
        made = make_connection(me, api, f"Own {kind}")
        Credential.objects.create(
            connection=made, team=me.team, fields=secrets.token_urlsafe(), created_at=timezone.now()
        )
    TokenSet.objects.filter(connection__integration__kind=Integration.Kind.API_KEY).delete()


def test_a_row_is_shown_without_a_query_of_its_own() -> None:
    me = make_member()
    make_of_each_kind(me)
    actor = actor_for(me)
    page = page_of(Connection.objects.visible_to(actor), sort="", group="", number="")
    render_to_string("connections/_row.html", {"row": row_of(actor, page.object_list[0])})
    with CaptureQueriesContext(database) as captured:
        rows = [row_of(actor, connection) for connection in page.object_list]
        version_of(rows)
        for row in rows:
            context = {"row": row, "connection": row.connection, "integration": row.connection.integration}
            for name in ("_row", "_table_row", "_credential"):
                assert row.connection.name in render_to_string(f"connections/{name}.html", context)
    assert len(rows) == 7
    assert not [query["sql"] for query in captured]


def test_every_url_that_a_row_names_exists() -> None:
    """A template would leave out what it cannot resolve."""
    names = {name for path in TEMPLATES for name in re.findall(r"row\.urls\.(\w+)", path.read_text())}
    assert {"connection", "disconnect"} <= names
    me = make_member()
    connection = make_connection(me, set_up_service())
    urls = RowUrls(connection.pk)
    assert {name: urls[name] for name in names} == {
        name: reverse(f"connections:{name}", args=[connection.pk]) for name in names
    }


def test_the_urls_of_rows_follow_the_path_that_the_product_is_served_under() -> None:
    connection = make_connection(make_member(), set_up_service())
    before = RowUrls(connection.pk)["check"]
    set_script_prefix("/specway/")
    try:
        assert RowUrls(connection.pk)["check"] == f"/specway{before}"
    finally:
        set_script_prefix("/")
