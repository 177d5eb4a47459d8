"""Rotating API keys: a new text, the former one for a while, and by whom."""

from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.teams.models import ApiKey, Membership, Role
from tests.factories import client_for, make_key, make_member, make_user

pytestmark = pytest.mark.django_db
URL = "/api/v1/api-keys/"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def headers(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def rotate(client: Client, pk: UUID, text: str = "", **body: Any) -> Any:
    sent = headers(text) if text else {}
    return client.post(f"{URL}{pk}/rotate/", body, content_type="application/json", headers=sent)


def works(text: str) -> bool:
    return Client().get("/api/v1/me/", headers=headers(text)).status_code == 200


def test_both_texts_work_until_the_overlap_ends(owner: Membership) -> None:
    key, former = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:read"])
    assert works(former)
    rotated = rotate(client_for(owner), key.pk, overlap=60)
    assert (rotated.status_code, rotated.headers["Cache-Control"]) == (200, "no-store")
    new = rotated.json()["key"]
    assert (rotated.json()["id"], new == former) == (str(key.pk), False)
    assert works(new)
    assert works(former)
    assert Client().get("/api/v1/me/", headers=headers(former)).json()["key"]["id"] == str(key.pk)
    ApiKey.objects.update(former_until=timezone.now())
    assert works(new)
    assert not works(former)


def test_without_overlap_the_former_text_ends_at_once_and_a_second_rotation_ends_the_first(owner: Membership) -> None:
    key, first = make_key(owner)
    second = rotate(client_for(owner), key.pk).json()["key"]
    third = rotate(client_for(owner), key.pk).json()["key"]
    assert [works(text) for text in (first, second, third)] == [False, True, True]
    fourth = rotate(client_for(owner), key.pk, overlap=0).json()["key"]
    assert [works(text) for text in (third, fourth)] == [False, True]


def test_a_former_text_ends_with_the_key_and_needs_its_own_secret(owner: Membership) -> None:
    key, former = make_key(owner)
    new = rotate(client_for(owner), key.pk).json()["key"]
    assert not works(former.rpartition("_")[0][:15] + "_" + new.split("_", 2)[2])
    ApiKey.objects.update(revoked_at=timezone.now())
    assert [works(text) for text in (former, new)] == [False, False]


def test_a_key_rotates_itself_whatever_its_scopes(owner: Membership) -> None:
    key, text = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:use"], days=3)
    soon = timezone.now() + timedelta(days=1)
    rotated = rotate(Client(), key.pk, text, overlap=0, expires_at=soon.isoformat())
    assert rotated.status_code == 200
    assert not works(text)
    key.refresh_from_db()
    assert abs(key.expires_at - soon) < timedelta(seconds=1)
    later = (timezone.now() + timedelta(days=2)).isoformat()
    assert rotate(Client(), key.pk, rotated.json()["key"], expires_at=later).status_code == 403


def test_only_its_member_gets_the_text_of_a_personal_key(owner: Membership) -> None:
    member = make_member(owner.team, user=make_user("Kwame Boateng"))
    key, text = make_key(member)
    assert rotate(client_for(owner), key.pk).status_code == 403
    assert rotate(client_for(make_member(owner.team)), key.pk).status_code == 404
    assert rotate(client_for(make_member(role=Role.OWNER)), key.pk).status_code == 404
    assert rotate(client_for(member), key.pk).status_code == 200
    assert works(text)


def test_a_key_that_rotates_another_gets_no_scopes_that_it_lacks(owner: Membership) -> None:
    key, text = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:token"])
    _, narrow = make_key(owner, scopes=["connections:read", "connections:write"])
    _, reading = make_key(owner, scopes=["connections:read", "connections:token"])
    assert rotate(Client(), key.pk, narrow).status_code == 403
    refused = rotate(Client(), key.pk, reading)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    _, wide = make_key(owner)
    assert rotate(Client(), key.pk, wide).status_code == 200
    assert works(text)


@pytest.mark.parametrize("body", [{"overlap": -1}, {"overlap": 604_801}, {"overlap": "1"}, {"expires_at": None}])
def test_invalid_values_are_refused(owner: Membership, body: dict[str, Any]) -> None:
    key, _text = make_key(owner)
    assert rotate(client_for(owner), key.pk, **body).status_code == 400
    past = (timezone.now() - timedelta(days=1)).isoformat()
    assert rotate(client_for(owner), key.pk, expires_at=past).status_code == 400
    assert ApiKey.objects.get().former_prefix is None


def test_a_revoked_or_expired_key_is_not_rotated(owner: Membership) -> None:
    for values in ({"revoked_at": timezone.now()}, {"expires_at": timezone.now()}):
        key, _ = make_key(owner)
        ApiKey.objects.filter(pk=key.pk).update(**values)
        assert rotate(client_for(owner), key.pk).status_code == 404


def test_the_log_says_who_rotated_it_and_has_no_secret(owner: Membership) -> None:
    key, former = make_key(owner)
    new = rotate(client_for(owner), key.pk, overlap=5).json()["key"]
    event = AuditEvent.objects.get(action="api_key.rotated")
    assert (event.target_id, event.detail["overlap"]) == (str(key.pk), 5)
    for text in (former, new):
        assert text.split("_", 2)[2] not in str(list(AuditEvent.objects.values()))


def test_a_key_reads_itself_and_admins_read_all(owner: Membership) -> None:
    key, text = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:use"])
    other, _ = make_key(owner)
    assert Client().get(f"{URL}{key.pk}/", headers=headers(text)).json()["name"] == key.name
    assert Client().get(f"{URL}{other.pk}/", headers=headers(text)).status_code == 404
    assert client_for(owner).get(f"{URL}{key.pk}/").json()["former_until"] is None


def test_the_migration_gives_the_new_scopes_to_personal_keys_that_could_do_that(owner: Membership) -> None:
    mine, _ = make_key(owner, scopes=["connections:read", "connections:write"])
    narrow, _ = make_key(owner, scopes=["connections:read"])
    service, _ = make_key(owner, ApiKey.Kind.SERVICE, scopes=["connections:write"])
    migration = import_module("apps.teams.migrations.0008_scopes_of_personal_keys")
    for _ in range(2):
        migration.give_scopes(apps, None)
    scopes = dict(ApiKey.objects.values_list("pk", "scopes"))
    assert scopes[mine.pk] == ["connections:read", "connections:write", "integrations:write", "webhooks:write"]
    assert scopes[narrow.pk] == ["connections:read"]
    assert scopes[service.pk] == ["connections:write"]
