"""The page of the audit log."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit import querysets
from apps.audit.models import CALL_FAILED, CALLED, AuditEvent
from apps.audit.origin import Target
from apps.audit.services import record
from apps.integrations.models import Integration
from apps.teams.models import ApiKey, Membership, Role
from apps.web import audit_log
from apps.web.audit_log import PAGE_SIZE
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db
URL = "/settings/audit-log/"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def _event(membership: Membership, label: str, integration: str = "") -> AuditEvent:
    with transaction.atomic():
        record(
            action="team.renamed",
            origin=actor_for(membership).origin,
            team_id=membership.team_id,
            target=Target(type="team", id="1", label=label, integration=integration),
            before="Older name",
        )
    return AuditEvent.objects.latest("id")


def test_owners_see_all_events_of_the_team(owner: Membership) -> None:
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    _event(member, "Of Kwame")
    page = client_for(owner).get(URL).content.decode()
    assert "Of Kwame" in page
    assert "Team renamed" in page


def test_members_see_only_their_own_events(owner: Membership) -> None:
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    _event(owner, "Of the owner")
    _event(member, "Of Kwame")
    page = client_for(member).get(URL).content.decode()
    assert "Of Kwame" in page
    assert "Of the owner" not in page


def test_events_of_another_team_are_not_visible(owner: Membership) -> None:
    stranger = make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger"))
    event = _event(owner, "Of Fernhill", integration="slack")
    for query in ("", f"?open={event.pk}", f"?before={event.pk + 1}", "?integration=slack"):
        assert "Of Fernhill" not in client_for(stranger).get(URL + query).content.decode()


def test_the_integration_filter_lists_the_integrations_in_the_log(owner: Membership) -> None:
    _event(owner, "At Slack", integration="slack")
    _event(owner, "At GitHub", integration="github")
    page = client_for(owner).get(URL, {"integration": "slack"}).content.decode()
    assert "At Slack" in page
    assert "At GitHub" not in page
    (choices,) = re.findall(r'<select[^>]*name="integration">(.*?)</select>', page, re.DOTALL)
    assert re.findall(r'<option value="(\w+)"', choices) == ["github", "slack"]


def test_the_link_to_older_events_shows_each_event_once(owner: Membership) -> None:
    made = {_event(owner, f"Number {number}").pk for number in range(PAGE_SIZE + 3)}
    client = client_for(owner)
    first = client.get(URL)
    second = client.get(URL + first.context["older"])
    seen = [row.event.pk for row in [*first.context["rows"], *second.context["rows"]]]
    assert seen == sorted(made, reverse=True)
    assert second.context["older"] == ""


def test_details_are_shown_for_the_opened_event(owner: Membership) -> None:
    event = _event(owner, "Fernhill")
    client = client_for(owner)
    assert "Older name" not in client.get(URL).content.decode()
    assert "Older name" in client.get(URL, {"open": event.pk}).content.decode()


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=99999999999999999999", "open=²", "integration=%00"])
def test_invalid_query_parameters_are_ignored(owner: Membership, query: str) -> None:
    assert client_for(owner).get(f"{URL}?{query}").status_code == 200


def test_labels_are_escaped(owner: Membership) -> None:
    _event(owner, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in client_for(owner).get(URL).content.decode()


def test_the_log_requires_sign_in_and_a_team() -> None:
    assert Client().get(URL).headers["Location"].startswith(reverse("account_login"))
    client = Client()
    client.force_login(make_user())
    assert client.get(URL).headers["Location"] == reverse("teams:create")


def test_the_admin_shows_events_read_only(owner: Membership) -> None:
    event = _event(owner, "Fernhill")
    operator = make_user("Operator")
    operator.is_staff = operator.is_superuser = True
    operator.save()
    client = Client()
    client.force_login(operator)
    change = reverse("admin:audit_auditevent_change", args=[event.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"action": "x"}).status_code == 403
    assert client.post(reverse("admin:audit_auditevent_delete", args=[event.pk])).status_code == 403
    assert client.get(reverse("admin:audit_auditevent_add")).status_code == 403


def _call(owner: Membership, action: str, call: str, path: str = "/orders") -> AuditEvent:
    with transaction.atomic():
        record(
            action=action,
            origin=actor_for(owner).origin,
            team_id=owner.team_id,
            target=Target(type="connection", id="c", label="Billing", integration="slack"),
            outcome="failure" if action == CALL_FAILED else "success",
            call=call,
            method="GET",
            path=path,
        )
    return AuditEvent.objects.latest("id")


def test_a_failed_call_is_one_row(owner: Membership) -> None:
    began, other = _call(owner, CALLED, "a"), _call(owner, CALLED, "b", "/invoices")
    failed = _call(owner, CALL_FAILED, "a")
    client = client_for(owner)
    response = client.get(URL, {"action": CALLED})
    assert [row.event.pk for row in response.context["rows"]] == [failed.pk, other.pk]
    assert response.content.decode().count("GET /orders") == 1
    assert "Call failed" not in [row.action for row in response.context["rows"]]
    # Nor does the call count as done where the failure is on another page, or filtered out.
    for query in ({"outcome": "success"}, {"before": failed.pk}):
        assert [row.event.pk for row in client.get(URL, query).context["rows"]] == [other.pk]
    assert began.pk < other.pk


def test_services_are_shown_by_name(owner: Membership) -> None:
    Integration.objects.create(slug="slack", name="Slack workspace", category="communication")
    _event(owner, "At Slack", integration="slack")
    page = client_for(owner).get(URL).content.decode()
    assert page.count("Slack workspace") == 2
    assert '<option value="slack">Slack workspace' in page


def test_refreshes_can_be_hidden_and_events_searched(owner: Membership) -> None:
    _event(owner, "Kestrel")
    with transaction.atomic():
        record(action="connection.refreshed", origin=actor_for(owner).origin, team_id=owner.team_id)
    client = client_for(owner)
    actions = [row.event.action for row in client.get(URL, {"refreshes": "hide"}).context["rows"]]
    assert actions == ["team.renamed"]
    assert [row.event.target_label for row in client.get(URL, {"search": "kestr"}).context["rows"]] == ["Kestrel"]
    assert client.get(URL, {"search": "nothing"}).context["rows"] == []


def test_a_search_reads_a_limited_number_of_events_at_once(owner: Membership, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querysets, "MOST_READ", 3)
    wanted, *_ = [_event(owner, label) for label in ("Old", "a", "b", "c")]
    client = client_for(owner)
    first = client.get(URL, {"search": "Old"})
    assert first.context["rows"] == []
    assert "Searched the events back to" in first.content.decode()
    second = client.get(URL + first.context["older"])
    assert [row.event.pk for row in second.context["rows"]] == [wanted.pk]
    assert second.context["searched_to"] is None


@pytest.mark.parametrize(("period", "found"), [("hour", []), ("day", ["Old"]), ("week", ["Old"])])
def test_periods_narrow_the_log(owner: Membership, period: str, found: list[str]) -> None:
    AuditEvent.objects.create(
        occurred_at=timezone.now() - timedelta(hours=3),
        team_id=owner.team_id,
        action="team.renamed",
        target_label="Old",
    )
    rows = client_for(owner).get(URL, {"period": period}).context["rows"]
    assert [row.event.target_label for row in rows] == found


def test_people_and_keys_are_offered_to_admins_unless_they_are_too_many(
    owner: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_key(owner, ApiKey.Kind.SERVICE, name="warehouse")
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    page = client_for(owner).get(URL).content.decode()
    assert f'<option value="{member.user_id}">Kwame Boateng' in page
    assert "warehouse" in page
    assert 'name="actor"' not in client_for(member).get(URL).content.decode()
    monkeypatch.setattr(audit_log, "MOST_ACTORS", 1)
    assert "Kwame Boateng" not in client_for(owner).get(URL).content.decode()
