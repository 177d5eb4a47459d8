"""A refused token request leaves an audit event, at most one per minute for each caller, connection and reason."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.teams.models import ApiKey, Membership, Role
from tests.connections.pages import make_connection, set_up_service
from tests.factories import make_key, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


@pytest.fixture
def connection(owner: Membership) -> Connection:
    return make_connection(owner, set_up_service())


def request_token(key: str, pk: Any, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    return Client().post(f"/api/v1/connections/{pk}/token/", body, "application/json", headers=headers)


def denials() -> list[tuple[str, str, Any]]:
    events = AuditEvent.objects.filter(action="token.denied").order_by("pk")
    assert all(event.outcome == "failure" for event in events)
    return [(event.actor_id, event.target_id, event.detail["code"]) for event in events]


def test_a_refused_request_is_recorded_once_a_minute_with_its_reason(owner: Membership, connection: Connection) -> None:
    Connection.objects.update(is_shared=True)
    connection.shares.create(user=None, level="use")
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    _, key = make_key(member)
    assert {request_token(key, connection.pk).status_code for _ in range(3)} == {403}
    assert denials() == [(str(member.user_id), str(connection.pk), "permission_denied")]


def test_a_key_without_the_scope_is_recorded(owner: Membership, connection: Connection) -> None:
    service, key = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:read"])
    assert request_token(key, connection.pk).status_code == 403
    assert denials() == [(str(service.pk), str(connection.pk), "insufficient_scope")]


def test_made_up_ids_are_recorded_together(owner: Membership) -> None:
    _, key = make_key(owner)
    assert {request_token(key, uuid4()).status_code for _ in range(3)} == {404}
    assert len(denials()) == 1


def test_a_missing_scope_is_recorded_and_an_issued_token_is_no_denial(
    owner: Membership, connection: Connection
) -> None:
    _, key = make_key(owner)
    assert request_token(key, connection.pk, scopes=["workspace:admin"]).status_code == 409
    assert [code for _, _, code in denials()] == ["missing_scopes"]
    assert request_token(key, connection.pk).status_code == 200
    assert len(denials()) == 1
