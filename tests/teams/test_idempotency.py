"""`Idempotency-Key`: repeated requests have one effect and get the same response."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from apps.notifications import api as webhooks_api
from apps.notifications.models import Webhook
from apps.sql import Now
from apps.teams import idempotency
from apps.teams.models import ApiKey, IdempotentRequest, Role
from apps.teams.tasks import delete_idempotent_requests
from tests.connections.test_api import Caller, caller
from tests.factories import make_member

pytestmark = pytest.mark.django_db
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
URL = "/api/v1/webhooks/"
BODY = {"url": "https://hooks.example.com/", "events": ["connection.created"]}


@pytest.fixture
def admin(db: None) -> Caller:
    return caller(make_member(role=Role.ADMIN))


def create(who: Caller, key: str = KEY, body: Any = BODY, path: str = URL) -> Any:
    return who.post(path, body, Idempotency_Key=key)


def test_a_repeated_request_has_one_effect_and_the_same_response(admin: Caller) -> None:
    first, second = create(admin), create(admin, f'"{KEY}"')
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Webhook.objects.count() == 1
    assert create(admin, "another").json()["id"] != first.json()["id"]


def test_secrets_in_a_stored_response_are_encrypted(admin: Caller) -> None:
    body = {"name": "x", "scopes": ["connections:read"], "expires_at": None}
    body["expires_at"] = admin.key.expires_at.isoformat()  # type: ignore[union-attr] # make_key sets one
    first, second = (create(admin, body=body, path="/api/v1/api-keys/") for _ in range(2))
    assert first.status_code == 201, first.content
    assert second.json()["key"] == first.json()["key"]
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT * FROM teams_idempotentrequest")
        stored = str([bytes(value) if isinstance(value, memoryview) else value for value in cursor.fetchone()])
    assert first.json()["key"] not in stored
    assert KEY not in stored


def test_another_body_with_the_same_key_is_refused(admin: Caller) -> None:
    create(admin)
    for other in (create(admin, body=BODY | {"description": "x"}), create(admin, path="/api/v1/api-keys/")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Webhook.objects.count() == 1


def test_a_repeat_while_the_first_is_in_progress_is_a_conflict(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    original, meanwhile = webhooks_api.webhooks.create_webhook, []

    def slow(**options: Any) -> Any:
        meanwhile.append(create(admin))
        return original(**options)

    monkeypatch.setattr(webhooks_api.webhooks, "create_webhook", slow)
    assert create(admin).status_code == 201
    (refused,) = meanwhile
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_in_use")
    assert refused.headers["Retry-After"]
    assert Webhook.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_repeats_have_one_effect(admin: Caller) -> None:
    def attempt(_: int) -> int:
        try:
            return int(create(admin).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(attempt, range(8)))
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert Webhook.objects.count() == 1


def test_a_refused_request_frees_the_key(admin: Caller) -> None:
    assert create(admin, body=BODY | {"events": []}).status_code == 400
    assert create(admin, body=BODY | {"events": []}).status_code == 400
    assert create(admin).status_code == 201


def test_an_interrupted_request_is_not_repeated(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(**options: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(webhooks_api.webhooks, "create_webhook", dies)
        with pytest.raises(SystemExit):
            create(admin)
    IdempotentRequest.objects.update(created_at=Now() - idempotency.LONGEST_REQUEST - timedelta(seconds=1))
    unknown = create(admin)
    assert (unknown.status_code, unknown.json()["code"]) == (409, "idempotency_outcome_unknown")
    assert not Webhook.objects.exists()


def test_a_key_is_forgotten_after_a_day(admin: Caller) -> None:
    first = create(admin)
    IdempotentRequest.objects.update(created_at=Now() - timedelta(hours=23))
    delete_idempotent_requests()
    assert create(admin).json() == first.json()
    IdempotentRequest.objects.update(created_at=Now() - timedelta(hours=25))
    assert create(admin).json() != first.json()
    IdempotentRequest.objects.update(created_at=Now() - timedelta(hours=25))
    delete_idempotent_requests()
    assert not IdempotentRequest.objects.exists()


def test_a_key_belongs_to_its_caller(admin: Caller) -> None:
    first = create(admin)
    colleague = caller(make_member(admin.key.team, Role.ADMIN))
    assert create(colleague).json()["id"] != first.json()["id"]
    assert create(caller(make_member(role=Role.ADMIN))).json()["id"] != first.json()["id"]


def test_a_replay_needs_the_scope_again(admin: Caller) -> None:
    create(admin)
    ApiKey.objects.filter(pk=admin.key.pk).update(scopes=["connections:read"])
    assert create(admin).status_code == 403


@pytest.mark.parametrize("key", ["", '""', "x" * 256])
def test_an_unusable_key_is_refused(admin: Caller, key: str) -> None:
    refused = create(admin, key)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_each_post_that_creates_something_documents_the_header(db: None) -> None:
    from drf_spectacular.generators import SchemaGenerator

    paths: Any = SchemaGenerator().get_schema(public=True)["paths"]
    posts = {path.removeprefix("/api/v1/"): item["post"] for path, item in paths.items() if "post" in item}
    creating = {
        path for path, post in posts.items() if any(p["name"] == "Idempotency-Key" for p in post.get("parameters", []))
    }
    assert creating >= {"connections/", "connect-sessions/", "api-keys/", "webhooks/", "integrations/"}
    assert {path for path, post in posts.items() if "201" in post["responses"]} <= creating
