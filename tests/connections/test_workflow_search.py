"""Searches find connections by the workflows that use them, whose rows have a copy of the connection's team."""

from dataclasses import replace
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, WorkflowUse
from apps.connections.services import stored_token
from apps.connections.services.usage import count_use
from apps.teams.models import Membership, Team
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, client_for, make_key, make_member

pytestmark = pytest.mark.django_db
PAGES = [reverse("connections:list"), reverse("connections:credentials")]


@pytest.fixture
def mara() -> Membership:
    return make_member()


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service(), "Ada")


def use(connection: Connection, team: Team | None, workflow: str = "wf-7") -> WorkflowUse:
    return WorkflowUse.objects.create(
        connection=connection, team=team, workflow_id=workflow, name="Nightly export", last_used_at=timezone.now()
    )


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("is_filled", [True, False], ids=["with its team", "of an earlier version"])
@pytest.mark.parametrize(("words", "is_found"), [("nightly", True), ("wf-7", True), ("weekly", False)])
def test_a_workflow_finds_its_connection(mara, connection, url, is_filled, words, is_found) -> None:
    use(connection, connection.team if is_filled else None)
    found = client_for(mara).get(url, {"search": words}).content.decode()
    assert (">Ada</a>" in found) == is_found


@pytest.mark.parametrize("url", PAGES)
def test_a_workflow_shows_no_connection_that_the_member_does_not_see(mara, connection, url) -> None:
    other_team, colleague = make_member(), make_member(mara.team)
    for team in (mara.team, other_team.team, None):
        WorkflowUse.objects.all().delete()
        use(connection, team)
        for membership in (other_team, colleague):
            make_connection(membership, connection.integration, "Own")
            assert ">Ada</a>" not in client_for(membership).get(url, {"search": "nightly"}).content.decode()


def test_a_use_records_the_team_and_fills_it_in_where_it_is_missing(mara: Membership, connection: Connection) -> None:
    actor = actor_for(mara)
    actor = replace(actor, origin=replace(actor.origin, workflow_id="wf-7"))
    count_use(connection, actor=actor, now=timezone.now())
    assert WorkflowUse.objects.get().team == mara.team
    WorkflowUse.objects.update(team=None)
    count_use(connection, actor=actor, now=timezone.now())
    assert WorkflowUse.objects.get().team == mara.team


def test_token_calls_do_the_same_by_each_path(
    mara: Membership, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_token, "is_available", lambda: database.vendor == "postgresql")
    _, key = make_key(mara)
    headers = {"Authorization": f"Bearer {key}", "Specway-Workflow": "wf-7"}
    for _ in range(3):  # on PostgreSQL, one statement makes the later ones
        url = f"/api/v1/connections/{connection.pk}/token/"
        assert Client().post(url, {}, "application/json", headers=headers).status_code == 200
        assert WorkflowUse.objects.get().team == mara.team
        WorkflowUse.objects.update(team=None)


def test_rows_from_before_the_column_are_filled_in(
    mara: Membership, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = import_module("apps.connections.migrations.0029_fill_workflow_use_of_team")
    monkeypatch.setattr(migration, "BATCH", 2)
    other = make_connection(make_member(), connection.integration)
    for number in range(5):
        use(connection, None, f"wf-{number}")
    use(other, None)
    use(other, other.team, "wf-8")
    migration.fill(apps, None)
    assert not WorkflowUse.objects.filter(team=None).exists()
    assert all(each.team_id == each.connection.team_id for each in WorkflowUse.objects.select_related("connection"))
