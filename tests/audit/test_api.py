"""The audit log in the API: visibility, filters, export."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit import querysets
from apps.audit.models import AuditEvent
from apps.audit.origin import Target
from apps.audit.services import record
from apps.teams.models import ApiKey, Membership, Role
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/audit-events/"
PAGE = "/settings/audit-log/"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


@pytest.fixture
def member(owner: Membership) -> Membership:
    return make_member(owner.team, user=make_user("Kwame Boateng"))


def event(who: Membership, label: str = "Slack", **more: Any) -> AuditEvent:
    target = Target("connection", str(more.pop("connection", uuid4())), label, more.pop("integration", "slack"))
    with transaction.atomic():
        record(
            action=more.pop("action", "connection.created"),
            origin=actor_for(who).origin,
            team_id=who.team_id,
            target=target,
            **more,
        )
    return AuditEvent.objects.latest("id")


def get(who: Membership, kind: ApiKey.Kind = ApiKey.Kind.PERSONAL, *, accept: str = "*/*", **query: Any) -> Any:
    _, key = make_key(who, kind)
    return Client().get(URL, query, headers={"Authorization": f"Bearer {key}", "Accept": accept})


def labels(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [one["target_label"] for one in response.json()["results"]]


def test_owners_and_service_keys_see_the_whole_log_and_members_what_they_did(
    owner: Membership, member: Membership
) -> None:
    event(owner, "By the owner")
    event(member, "By Kwame")
    assert labels(get(owner)) == ["By Kwame", "By the owner"]
    assert labels(get(owner, ApiKey.Kind.SERVICE)) == ["By Kwame", "By the owner"]
    assert labels(get(member)) == ["By Kwame"]


def test_another_teams_events_do_not_exist(owner: Membership) -> None:
    stranger = make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger"))
    seen = event(owner, "Of Fernhill")
    for query in ({}, {"connection": seen.target_id}, {"actor": seen.actor_id}):
        for accept in ("application/json", "text/csv", "application/x-ndjson"):
            response = get(stranger, accept=accept, **query)
            content = b"".join(response.streaming_content) if response.streaming else response.content
            assert b"Of Fernhill" not in content


def test_a_key_needs_the_scope(owner: Membership) -> None:
    _, key = make_key(owner, scopes=["connections:read"])
    response = Client().get(URL, headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


def test_each_filter_is_applied(owner: Membership, member: Membership) -> None:
    first = event(owner, "First", integration="github", action="connection.refreshed", outcome="failure")
    second = event(member, "Second")
    assert labels(get(owner, integration="github")) == ["First"]
    assert labels(get(owner, action="connection.created")) == ["Second"]
    assert labels(get(owner, outcome="failure")) == ["First"]
    assert labels(get(owner, actor=member.user_id)) == ["Second"]
    assert labels(get(owner, connection=second.target_id)) == ["Second"]
    assert labels(get(owner, since=second.occurred_at.isoformat())) == ["Second"]
    assert labels(get(owner, until=second.occurred_at.isoformat())) == ["First"]
    assert labels(get(owner, connection=first.target_id, outcome="success")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("since", "9999-99-99T00:00:00Z"),
        ("until", "2026-11-24"),
        ("connection", "1"),
        ("actor", "mara"),
        ("action", "Drop Table"),
        ("outcome", "maybe"),
        ("integration", "a\0b"),
        ("team", "x"),
        ("page_size", "0"),
        ("page_size", "many"),
        ("cursor", "!!"),
        ("cursor", "cD1hYmM="),
    ],
)
def test_an_invalid_filter_is_reported_by_field(owner: Membership, name: str, value: str) -> None:
    response = get(owner, **{name: value})
    assert response.status_code == 400
    assert response.json()["code"] == "validation_error"
    assert {error["field"] for error in response.json()["errors"]} == {name}


def test_until_before_since_is_rejected(owner: Membership) -> None:
    now = timezone.now()
    response = get(owner, since=now.isoformat(), until=(now - timedelta(hours=1)).isoformat())
    assert response.json()["errors"][0]["field"] == "until"


def test_the_export_contains_all_events_in_batches(owner: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querysets, "BATCH_SIZE", 3)
    made = [event(owner, f"Number {number}").pk for number in range(8)]
    response = get(owner, accept="application/x-ndjson")
    with CaptureQueriesContext(database) as queries:
        lines = [json.loads(line) for line in b"".join(response.streaming_content).decode().splitlines()]
    exported = AuditEvent.objects.get(action="audit.exported")
    assert [line["id"] for line in lines] == [exported.pk, *reversed(made)]
    assert len(queries) == 4  # three batches, and a savepoint or an empty one
    assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-log-')


def test_the_export_is_filtered_and_audited(owner: Membership) -> None:
    event(owner, "At GitHub", integration="github")
    event(owner, "At Slack")
    response = get(owner, accept="text/csv", integration="github")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert [row["target_label"] for row in rows] == ["At GitHub"]
    assert AuditEvent.objects.get(action="audit.exported").detail == {
        "format": "csv",
        "filters": {"integration": "github"},
    }


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1"])
def test_csv_cells_never_start_a_formula(owner: Membership, label: str) -> None:
    event(owner, label)
    response = get(owner, accept="text/csv", action="connection.created")
    (row,) = csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))
    assert row["target_label"] == f"'{label}"


def test_an_error_of_an_export_is_a_problem_document(owner: Membership) -> None:
    response = get(owner, accept="text/csv", outcome="maybe")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "validation_error"
    assert get(owner, accept="text/html").status_code == 406


def test_the_pages_export_links_use_its_filters(owner: Membership) -> None:
    event(owner, "At GitHub", integration="github")
    event(owner, "At Slack")
    browser = client_for(owner)
    page = browser.get(PAGE, {"integration": "github", "outcome": "success", "since": "2020-01-01"})
    assert "At Slack" not in page.content.decode()
    for _, address in page.context["exports"]:
        response = browser.get(f"{PAGE}export/{address}")
        content = b"".join(response.streaming_content).decode()
        assert "At GitHub" in content
        assert "At Slack" not in content


def test_a_member_exports_only_visible_events(owner: Membership, member: Membership) -> None:
    event(owner, "By the owner")
    response = client_for(member).get(f"{PAGE}export/?format=csv")
    assert "By the owner" not in b"".join(response.streaming_content).decode()


def test_an_unknown_format_is_404_and_signed_out_visitors_log_in_first(owner: Membership) -> None:
    assert client_for(owner).get(f"{PAGE}export/?format=exe").status_code == 404
    assert Client().get(f"{PAGE}export/?format=csv").status_code == 302


def test_an_events_details_link_to_events_of_the_same_person_and_connection(owner: Membership) -> None:
    seen = event(owner, "At Slack")
    event(owner, "Another")
    browser = client_for(owner)
    page = browser.get(PAGE, {"open": seen.pk}).content.decode()
    assert f"?actor={owner.user_id}" in page
    only = browser.get(PAGE, {"connection": seen.target_id})
    assert [row.event.target_label for row in only.context["rows"]] == ["At Slack"]
