"""The REST API's list of integrations and one of them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.connections.models import Connection
from apps.integrations.models import Integration, OAuthApp
from apps.teams.models import ApiKey, Membership
from tests.factories import make_key
from tests.integrations.custom import DESCRIBED

URL = "/api/v1/integrations/"


def get(who: Membership, path: str = "", *, scopes: list[str] | None = None, **query: Any) -> Any:
    _, text = make_key(who, scopes=scopes)
    return Client().get(f"{URL}{path}", query, headers={"Authorization": f"Bearer {text}"})


def slugs(who: Membership, **query: Any) -> list[str]:
    response = get(who, **query)
    assert response.status_code == 200, response.content
    return [row["slug"] for row in response.json()["results"]]


def test_the_list_contains_what_the_team_can_connect_to(
    set_up: Callable[..., OAuthApp], connect: Callable[..., Connection], owner: Membership, stranger: Membership
) -> None:
    set_up("github")
    connect(owner, "github")
    rows = {row["slug"]: row for row in get(owner).json()["results"]}
    assert rows["github"] == {
        "id": str(Integration.objects.get(slug="github").pk),
        "slug": "github",
        "name": "GitHub",
        "description": "Issues, pull requests, releases",
        "category": "developer-tools",
        "auth_type": "oauth2",
        "is_custom": False,
        "is_set_up": True,
        "is_misconfigured": False,
        "is_enabled": True,
        "connections": 1,
    }
    assert not rows["slack"]["is_set_up"]
    assert get(stranger, "github/").json()["connections"] == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"search": "GIT"}, ["github"]),
        ({"search": "files drive"}, ["google-drive"]),
        ({"category": "communication"}, ["slack"]),
        ({"auth_type": "basic"}, []),
        ({"connected": "true"}, ["github"]),
        ({"connected": "false", "search": "git"}, []),
    ],
)
def test_the_list_is_filtered(
    loaded: None, connect: Callable[..., Connection], owner: Membership, query: dict[str, str], expected: list[str]
) -> None:
    connect(owner, "github")
    assert slugs(owner, **query) == expected


@pytest.mark.parametrize("query", [{"category": "fun"}, {"auth_type": "magic"}, {"connected": "perhaps"}])
def test_an_unknown_filter_is_refused_by_name(loaded: None, owner: Membership, query: dict[str, str]) -> None:
    response = get(owner, **query)
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in response.json()["errors"]] == list(query)


def test_cursor_pages_are_complete(loaded: None, owner: Membership) -> None:
    _, text = make_key(owner)
    url, seen = f"{URL}?page_size=4", []
    while url:
        page = Client().get(url, headers={"Authorization": f"Bearer {text}"}).json()
        assert len(page["results"]) <= 4
        seen += [row["slug"] for row in page["results"]]
        url = page["next"]
    assert seen == sorted(Integration.objects.values_list("slug", flat=True))


def test_pages_have_at_most_200_results(owner: Membership) -> None:
    Integration.objects.bulk_create(
        Integration(slug=f"s{number}", name=f"S{number}", category="other") for number in range(205)
    )
    assert len(slugs(owner, page_size=200)) == 200
    assert get(owner, page_size=201).json()["errors"][0]["field"] == "page_size"


def test_one_service_has_the_scopes_of_its_oauth_app(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("github")
    OAuthApp.objects.update(scopes_allowed=["read:user", "copilot"])
    assert [scope["name"] for scope in get(owner, "github/").json()["scopes"]] == ["read:user", "copilot"]


def test_one_service_has_scopes_parameters_and_redirect_uri(loaded: None, owner: Membership) -> None:
    found = get(owner, "microsoft-graph/").json()
    assert found["redirect_uri"] == "http://127.0.0.1:8000/oauth/callback"
    profile = {"name": "User.Read", "description": "See one’s own profile", "access": "read", "default": True}
    assert profile | {"host": ""} in found["scopes"]
    assert [(param["name"], param["default"]) for param in found["params"]] == [("tenant", "common")]
    assert found["links"]["manage_url"] == "https://myapps.microsoft.com/"


def test_oauth_app_parameters_are_not_returned(set_up: Callable[..., OAuthApp], owner: Membership) -> None:
    set_up("sandbox", origin="http://127.0.0.1:8100")
    found = get(owner, "sandbox/").json()
    assert found["params"] == []
    assert found["links"]["manage_url"] == "http://127.0.0.1:8100/"


def test_another_teams_custom_api_is_not_found(owner: Membership, stranger: Membership) -> None:
    Integration.objects.create(slug="carrier-hub", name="Carrier Hub", team=owner.team, category="custom", **DESCRIBED)
    assert get(owner, "carrier-hub/").json()["is_custom"]
    assert get(stranger, "carrier-hub/").status_code == 404
    assert slugs(stranger) == []


def test_anonymous_callers_and_keys_without_the_scope_are_refused(loaded: None, owner: Membership) -> None:
    for path in ("", "github/"):
        assert get(owner, path, scopes=["connections:use"]).status_code == 403
        anonymous = Client().get(f"{URL}{path}")
        assert anonymous.status_code == 401
        assert anonymous["WWW-Authenticate"]


def test_a_service_key_counts_shared_connections_only(
    loaded: None, connect: Callable[..., Connection], owner: Membership
) -> None:
    connect(owner, "github")
    connect(owner, "github", shared=True)
    _, text = make_key(owner, ApiKey.Kind.SERVICE)
    found = Client().get(f"{URL}github/", headers={"Authorization": f"Bearer {text}"}).json()
    assert found["connections"] == 1


def test_built_in_services_cannot_be_changed(loaded: None, owner: Membership) -> None:
    _, text = make_key(owner)
    for method, status in (("post", 405), ("put", 405), ("patch", 404), ("delete", 404)):
        send = getattr(Client(), method)
        answer = send(f"{URL}github/", content_type="application/json", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == status
