"""Pages and the administration with data, in German: no English is left."""

import re
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationAttempt, Connection
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import ApiKey, Invitation, Membership, Role, Team, User
from tests.english import english_in, names_of, untranslated_in
from tests.factories import client_for, make_key, make_member
from tests.screenshots.pages import LINKED, PATHS

MODELS: tuple[type[Model], ...] = (
    ApiKey, AuditEvent, AuthorizationAttempt, Connection, Integration, Invitation, OAuthApp, Team, User,
)  # fmt: skip
MORE = (
    "/accounts/login/", "/accounts/password/reset/", "/plugins/stripe/", "/connect/brevo/key/",
    "/settings/credentials/?group=status", "/admin/teams/user/add/",
)  # fmt: skip
# What a page shows of data or of the API, which are in English.
DATA = frozenset({"DELETE", "Headers"})
# Names of the permissions of operators, which Django stores in English.
_PERMISSION = re.compile(r"\| Can (?:add|change|delete|view) ")


def _owner() -> Client:
    member = make_member(role=Role.OWNER)
    User.objects.filter(pk=member.user_id).update(language="de", is_staff=True, is_superuser=True)
    call_command("demo_data", connections=60, events=300, owner=member.user.email)
    team = Team.objects.get(name="Demonstration")
    membership = Membership.objects.get(team=team, user=member.user)
    make_key(membership, ApiKey.Kind.SERVICE)
    return client_for(membership)


def _paths(client: Client) -> Iterator[str]:
    yield from PATHS
    yield from MORE
    for path, (pattern, below) in LINKED.items():
        match = re.search(pattern, client.get(path).content.decode())
        if match:
            yield from (match[0] + page for page in below if not page.startswith(".."))
    for model in MODELS:
        # The same service in each run: some have an English word as their slug, which the page shows.
        row = model._default_manager.order_by("slug" if model is Integration else "pk").first()
        if row is not None:
            yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])


@pytest.mark.django_db
@pytest.mark.same_on_each_database
def test_no_english_is_left() -> None:
    client = _owner()
    left = {}
    names = names_of() | DATA  # what pages show does not change while they are looked at
    for path in _paths(client):
        response = client.get(path, follow=True)
        assert response.status_code == 200 or path == "/nowhere/", path
        html = response.content.decode()
        found = [*english_in(html, names=names), *untranslated_in(html, names=names)]
        if found := [text for text in found if not _PERMISSION.search(text)]:
            left[path] = found
    assert left == {}
