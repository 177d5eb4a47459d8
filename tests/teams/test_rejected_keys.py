"""Rejected API keys leave bounded audit events."""

import secrets
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from apps.audit.models import AuditEvent
from apps.teams.models import Membership, Role
from tests.factories import make_key, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def call(key: str, **more: Any) -> Any:
    return Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {key}"}, **more)


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="api_key.rejected").order_by("pk"))


def test_a_wrong_secret_of_a_known_key_is_recorded_in_its_team_once_a_minute(owner: Membership) -> None:
    key, text = make_key(owner)
    wrong = text[:-4] + "0000"
    assert {call(wrong).status_code for _ in range(3)} == {401}
    (event,) = events()
    assert (event.team_id, event.target_id, event.outcome) == (owner.team_id, str(key.pk), "failure")
    assert event.ip == "127.0.0.1"
    assert wrong not in str(vars(event))
    call(wrong, REMOTE_ADDR="198.51.100.7")
    assert len(events()) == 2


def test_unknown_keys_of_one_address_are_recorded_once_a_minute(owner: Membership) -> None:
    for _ in range(3):
        call(f"spw_{secrets.token_hex(5)}_{secrets.token_urlsafe(32)}")
    call("nonsense")
    (event,) = events()
    assert (event.team_id, event.target_id) == (None, "")


def test_a_valid_key_leaves_no_such_event(owner: Membership) -> None:
    _, text = make_key(owner)
    assert call(text).status_code == 200
    assert events() == []
