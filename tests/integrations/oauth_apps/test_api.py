"""A team's own OAuth app by the API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.integrations.models import OAuthApp
from apps.teams.models import ApiKey, Membership, Role
from tests.factories import make_key, make_member

pytestmark = pytest.mark.django_db
URL = "/api/v1/integrations/github/oauth-app/"
NEW = {"client_id": "team-client", "client_secret": "secret-of-the-team"}


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


def call(who: Membership, method: str, body: Any = None, url: str = URL, **options: Any) -> Any:
    options = {"kind": ApiKey.Kind.SERVICE, "scopes": ["oauth-apps:write"]} | options
    _, text = make_key(who, **options)
    data = "" if body is None else json.dumps(body)
    headers = {"Authorization": f"Bearer {text}"}
    return Client().generic(method, url, data, content_type="application/json", headers=headers)


def test_a_service_key_registers_reads_and_removes_it(loaded: None, admin: Membership) -> None:
    assert call(admin, "GET").status_code == 404
    made = call(admin, "PUT", NEW)
    assert made.status_code == 200, made.content
    assert (made.json()["client_id"], made.json()["has_secret"]) == ("team-client", True)
    assert made.json()["redirect_uri"] == "http://127.0.0.1:8000/oauth/callback"
    assert NEW["client_secret"] not in made.content.decode() + call(admin, "GET").content.decode()
    assert call(admin, "DELETE").status_code == call(admin, "DELETE").status_code == 204
    assert not OAuthApp.objects.exists()


def test_without_a_secret_the_stored_one_stays(loaded: None, admin: Membership) -> None:
    refused = call(admin, "PUT", {"client_id": "team-client"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "client_secret")
    call(admin, "PUT", NEW)
    assert call(admin, "PUT", {"client_id": "renamed", "scopes_allowed": ["repo"]}).status_code == 200
    app = OAuthApp.objects.get(team=admin.team)
    assert app.client_secret is not None
    assert (app.client_id, app.client_secret.reveal()) == ("renamed", NEW["client_secret"])
    assert app.scopes_allowed == ["repo"]


def test_what_the_pages_set_otherwise_stays(loaded: None, admin: Membership) -> None:
    call(admin, "PUT", NEW)
    OAuthApp.objects.update(overrides={"pkce": False})
    call(admin, "PUT", NEW | {"client_id": "renamed"})
    assert OAuthApp.objects.get().overrides == {"pkce": False}


@pytest.mark.parametrize("body", [{}, NEW | {"team": "x"}, NEW | {"params": {"unknown": "x"}}, NEW | {"client_id": 5}])
def test_invalid_values_are_refused(loaded: None, admin: Membership, body: dict[str, Any]) -> None:
    assert call(admin, "PUT", body).status_code == 400
    assert not OAuthApp.objects.exists()


def test_only_keys_with_the_scope_and_admins_may(loaded: None, admin: Membership) -> None:
    every_other = ["connections:read", "connections:write", "integrations:write", "webhooks:write"]
    for who, options in (
        (admin, {"scopes": every_other}),
        (make_member(admin.team), {"kind": ApiKey.Kind.PERSONAL}),
    ):
        for method, body in (("GET", None), ("PUT", NEW), ("DELETE", None), ("POST", None)):
            url = f"{URL}test/" if method == "POST" else URL
            assert call(who, method, body, url, **options).status_code == 403
    assert call(admin, "PUT", NEW, kind=ApiKey.Kind.PERSONAL).status_code == 200


def test_another_team_sees_nothing_of_it(set_up: Callable[..., OAuthApp], admin: Membership) -> None:
    set_up("github")
    call(admin, "PUT", NEW)
    stranger = make_member(role=Role.OWNER)
    assert call(stranger, "GET").status_code == 404
    assert call(stranger, "DELETE").status_code == 204
    assert OAuthApp.objects.count() == 2


def test_services_that_need_none_have_none(loaded: None, admin: Membership) -> None:
    for slug in ("stripe-key", "nothing"):
        assert call(admin, "PUT", NEW, f"/api/v1/integrations/{slug}/oauth-app/").status_code == 404
