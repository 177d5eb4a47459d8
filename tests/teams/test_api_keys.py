"""API keys: their format, creating and revoking them, and authentication with them."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from apps.audit.models import AuditEvent
from apps.teams import keys
from apps.teams.authentication import actor_of
from apps.teams.models import ApiKey, Membership, Role, ServiceKeys
from apps.teams.services import members
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db

ME, KEYS = "/api/v1/me/", "/api/v1/api-keys/"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


@pytest.fixture
def member(owner: Membership) -> Membership:
    return make_member(owner.team, user=make_user("Kwame Boateng"))


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def get(path: str, text: str, **headers: str):
    return Client().get(path, headers=bearer(text) | headers)


# --- the text ---------------------------------------------------------------------------------------------------------


def test_a_key_has_a_prefix_and_a_secret_of_256_bits() -> None:
    text = keys.generate().reveal()
    assert re.fullmatch(r"spw_[a-z0-9]{8,12}_[A-Za-z0-9_-]{43,}", text)
    parts = keys.parse(text)
    assert parts is not None
    assert parts.reveal() == text
    assert parts.secret not in repr(parts)


@pytest.mark.parametrize("text", ["", "spw_", "spw_abc", "spw_abcdefghij_short", "xyz_abcdefghij_" + "a" * 43, "spw__"])
def test_malformed_keys_are_parsed_as_none(text: str) -> None:
    assert keys.parse(text) is None


def test_only_the_hash_of_the_secret_is_stored(owner: Membership) -> None:
    _, text = make_key(owner)
    assert text.split("_", 2)[2] not in str(list(ApiKey.objects.values()))
    assert re.fullmatch(r"[0-9a-f]{64}", ApiKey.objects.get().secret_hash)


# --- getting in -------------------------------------------------------------------------------------------------------


def test_a_personal_key_acts_as_its_member(member: Membership) -> None:
    _, text = make_key(member, scopes=["connections:read"])
    me = get(ME, text).json()
    assert me["team"] == {"id": str(member.team_id), "name": member.team.name}
    assert me["user"]["email"] == member.user.email
    assert (me["kind"], me["role"], me["scopes"]) == ("personal", "member", ["connections:read"])
    assert text not in str(me)


def test_a_service_key_acts_for_the_team_without_a_user(owner: Membership) -> None:
    _, text = make_key(owner, ApiKey.Kind.SERVICE)
    me = get(ME, text).json()
    assert (me["kind"], me["user"], me["role"]) == ("service", None, None)


def test_a_service_key_stays_valid_when_its_creator_leaves(owner: Membership) -> None:
    admin = make_member(owner.team, Role.ADMIN, user=make_user("Ines"))
    _, text = make_key(admin, ApiKey.Kind.SERVICE)
    members.leave(actor=actor_for(admin), service_keys=ServiceKeys.KEEP)
    assert get(ME, text).status_code == 200
    admin.user.delete()
    assert get(ME, text).status_code == 200


def _revoked(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())


def _ended(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())


def _left(key: ApiKey) -> None:
    Membership.objects.filter(team=key.team, user=key.user).delete()


def _switched_off(key: ApiKey) -> None:
    key.user.is_active = False
    key.user.save()


def _person_gone(key: ApiKey) -> None:
    key.user.delete()


@pytest.mark.parametrize("spoil", [_revoked, _ended, _left, _switched_off, _person_gone])
def test_an_invalid_key_is_rejected_like_an_unknown_one(member: Membership, spoil) -> None:
    key, text = make_key(member)
    assert get(ME, text).status_code == 200
    spoil(key)
    refused, unknown = get(ME, text), get(ME, keys.generate().reveal())
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.json() == unknown.json()


def test_a_known_prefix_with_another_secret_is_rejected(member: Membership) -> None:
    key, _ = make_key(member)
    forged = keys.KeyText(prefix=key.prefix, secret=keys.generate().secret).reveal()
    assert get(ME, forged).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer nonsense", "Bearer a b", "bearer \x00"])
def test_a_malformed_authorization_header_is_401(header: str) -> None:
    response = Client().get(ME, headers={"Authorization": header})
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_call_without_a_key_is_401_with_www_authenticate() -> None:
    response = Client().get(ME)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_valid_key_in_the_url_is_rejected(member: Membership) -> None:
    _, text = make_key(member)
    for name in ("api_key", "access_token", "key"):
        response = Client().get(ME, {name: text})
        assert response.status_code == 401
        assert "not in the URL" in response.json()["detail"]
        assert text not in response.content.decode()


def test_last_used_at_is_updated_at_most_once_a_minute(member: Membership) -> None:
    key, text = make_key(member)
    get(ME, text)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    get(ME, text)
    key.refresh_from_db()
    assert key.last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    get(ME, text)
    key.refresh_from_db()
    assert key.last_used_at > first - timedelta(minutes=1)


# --- scopes and usage -------------------------------------------------------------------------------------------------


class Reading(APIView):
    required_scopes = {"GET": "connections:read"}

    def get(self, request) -> Response:
        origin = actor_of(request).origin
        return Response([origin.kind, origin.workflow_id, origin.workflow_name, origin.run_id])

    def post(self, request) -> Response:
        return Response()


def _call(text: str, method: str = "get", **headers: str):
    request = getattr(APIRequestFactory(), method)("/api/v1/x/", headers=bearer(text) | headers)
    request.memberships, request.actor = [], None
    response = Reading.as_view()(request)
    response.render()
    return response


def test_a_key_is_restricted_to_its_scopes(member: Membership) -> None:
    assert _call(make_key(member, scopes=["connections:read"])[1]).status_code == 200
    refused = _call(make_key(member, scopes=["connections:use"])[1])
    assert (refused.status_code, refused.data["code"]) == (403, "insufficient_scope")
    assert "connections:read" in refused.data["detail"]


def test_a_view_without_a_declared_scope_is_closed(member: Membership) -> None:
    with pytest.raises(Exception, match="declares no required_scope"):
        _call(make_key(member)[1], "post")


def test_the_workflow_is_read_from_the_headers(owner: Membership) -> None:
    text = make_key(owner, ApiKey.Kind.SERVICE)[1]
    response = _call(text, **{"Specway-Workflow": 'wf-7; name="New order \\"fast\\""', "Specway-Run": "91c4"})
    assert response.data == ["service", "wf-7", 'New order "fast"', "91c4"]
    assert _call(text, **{"Specway-Workflow": "wf-7"}).data == ["service", "wf-7", "", ""]


@pytest.mark.parametrize(
    "headers",
    [
        {"Specway-Workflow": "x" * 201},
        {"Specway-Workflow": 'wf; name="' + "x" * 201 + '"'},
        {"Specway-Run": "x" * 201},
        {"Specway-Run": "a\x07b"},
        {"Specway-Workflow": "wf\x1b[31m"},
        {"Specway-Workflow": 'wf; name="half'},
        {"Specway-Workflow": '; name="unknown"'},
    ],
)
def test_a_malformed_workflow_header_is_400(owner: Membership, headers: dict[str, str]) -> None:
    response = _call(make_key(owner)[1], **headers)
    assert (response.status_code, response.data["code"]) == (400, "validation_error")
    assert response.data["errors"][0]["field"] in headers


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_browser_session_has_every_scope(member: Membership) -> None:
    me = client_for(member).get(ME).json()
    assert (me["kind"], me["key"], me["scopes"]) == ("session", None, list(keys.SCOPES))


def test_a_session_requires_the_csrf_token_for_unsafe_methods(member: Membership) -> None:
    key, _ = make_key(member)
    client = client_for(member, enforce_csrf_checks=True)
    assert client.get(KEYS).status_code == 200
    assert client.delete(f"{KEYS}{key.pk}/").status_code == 403
    assert ApiKey.objects.filter(revoked_at=None).exists()


def test_a_session_without_a_team_is_403_without_team() -> None:
    client = Client()
    client.force_login(make_user())
    response = client.get(ME)
    assert (response.status_code, response.json()["code"]) == (403, "without_team")


# --- making and revoking by the API -----------------------------------------------------------------------------------

NEW = {"name": "ci", "scopes": ["connections:read"], "expires_at": None}


def _post(client: Client, body: dict[str, object], text: str = ""):
    return client.post(KEYS, body, content_type="application/json", headers=bearer(text) if text else {})


def test_a_created_key_works_and_is_shown_once(owner: Membership) -> None:
    client = client_for(owner)
    made = _post(client, NEW | {"kind": "service"})
    assert made.status_code == 201
    assert "no-store" in made.headers["Cache-Control"]
    text = made.json()["key"]
    assert get(ME, text).json()["kind"] == "service"
    assert text not in client.get(KEYS).content.decode()
    assert text.split("_", 2)[2] not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("role", list(Role))
def test_service_keys_are_created_by_owners_and_admins(role: Role) -> None:
    response = _post(client_for(make_member(role=role)), NEW | {"kind": "service"})
    assert response.status_code == (403 if role == Role.MEMBER else 201)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"kind": "root"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"expires_at": ...},
    ],
)
def test_invalid_values_are_reported_by_field(owner: Membership, change: dict[str, object]) -> None:
    body = {name: value for name, value in (NEW | change).items() if value is not ...}
    response = _post(client_for(owner), body)
    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert response.json()["errors"][0]["field"].split(".")[0] == next(iter(change))
    assert not ApiKey.objects.exists()


def test_a_key_cannot_create_a_key_with_more_scopes_or_a_longer_lifetime(owner: Membership) -> None:
    key, text = make_key(owner, scopes=["connections:read", "connections:write"], days=1)
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    assert _post(Client(), NEW | {"expires_at": soon}, text).status_code == 201
    assert _post(Client(), NEW | {"expires_at": soon, "scopes": ["connections:token"]}, text).status_code == 403
    assert _post(Client(), NEW, text).status_code == 403
    later = (key.expires_at + timedelta(days=1)).isoformat()
    assert _post(Client(), NEW | {"expires_at": later}, text).status_code == 403


def test_a_service_key_cannot_create_or_list_keys(owner: Membership) -> None:
    key, text = make_key(owner, ApiKey.Kind.SERVICE)
    assert _post(Client(), NEW, text).status_code == 403
    assert get(KEYS, text).json()["results"] == []
    assert Client().delete(f"{KEYS}{key.pk}/", headers=bearer(text)).status_code == 404


def test_members_see_and_revoke_their_own_keys_only(owner: Membership, member: Membership) -> None:
    own, _ = make_key(member)
    foreign, _ = make_key(owner)
    service, _ = make_key(owner, ApiKey.Kind.SERVICE)
    client = client_for(member)
    assert [row["id"] for row in client.get(KEYS).json()["results"]] == [str(own.pk)]
    for key in (foreign, service):
        assert client.delete(f"{KEYS}{key.pk}/").status_code == 404
        assert client.post(reverse("teams:revoke_api_key", args=[key.pk])).status_code == 404
    assert client.delete(f"{KEYS}{own.pk}/").status_code == 204
    assert client.delete(f"{KEYS}{own.pk}/").status_code == 204
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_owners_see_and_revoke_every_key_of_their_own_team_only(owner: Membership, member: Membership) -> None:
    of_member, text = make_key(member)
    foreign, _ = make_key(make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger")))
    client = client_for(owner)
    assert [row["id"] for row in client.get(KEYS).json()["results"]] == [str(of_member.pk)]
    assert client.delete(f"{KEYS}{foreign.pk}/").status_code == 404
    assert client.delete(f"{KEYS}{of_member.pk}/").status_code == 204
    assert get(ME, text).status_code == 401


def test_the_list_is_paginated(owner: Membership) -> None:
    made = {str(make_key(owner)[0].pk) for _ in range(3)}
    client = client_for(owner)
    first = client.get(KEYS, {"page_size": 2}).json()
    second = client.get(first["next"]).json()
    assert {row["id"] for row in first["results"] + second["results"]} == made
    assert second["next"] is None


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_a_new_key_once(owner: Membership) -> None:
    client = client_for(owner)
    form = {"name": "warehouse-sync", "days": "90", "kind": "service", "scopes": ["connections:read", "audit:read"]}
    page = client.post(reverse("teams:api_keys"), form)
    text = re.search(r"spw_[a-z0-9]{10}_[A-Za-z0-9_-]{43}", page.content.decode())
    assert text is not None
    assert "no-store" in page.headers["Cache-Control"]
    assert get(ME, text[0]).json()["scopes"] == ["connections:read", "audit:read"]
    assert text[0] not in client.get(reverse("teams:api_keys")).content.decode()
    end = ApiKey.objects.get().expires_at
    assert end is not None
    assert timedelta(days=89) < end - timezone.now() <= timedelta(days=90)


def test_the_page_rejects_invalid_values_and_creates_nothing(owner: Membership, member: Membership) -> None:
    form = {"name": "ci", "days": "", "kind": "personal", "scopes": ["connections:read"]}
    url = reverse("teams:api_keys")
    assert client_for(owner).post(url, form | {"scopes": []}).status_code == 400
    assert client_for(owner).post(url, form | {"name": " "}).status_code == 400
    assert client_for(owner).post(url, form | {"days": "7000"}).status_code == 400
    assert client_for(member).post(url, form | {"kind": "service"}).status_code == 403
    assert not ApiKey.objects.exists()


def test_revoking_requires_confirmation_by_post(owner: Membership) -> None:
    key, text = make_key(owner)
    client = client_for(owner)
    url = reverse("teams:revoke_api_key", args=[key.pk])
    assert "cannot be undone" in client.get(url).content.decode()
    assert get(ME, text).status_code == 200
    assert client.post(url).status_code == 302
    assert get(ME, text).status_code == 401


# --- the command ------------------------------------------------------------------------------------------------------


def _command(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_only_a_working_key(owner: Membership, member: Membership) -> None:
    base = ["--team", str(owner.team_id), "--name", "engine", "--scope", "connections:read"]
    service = _command(*base, "--service", "--scope", "connections:token", "--days", "30")
    assert re.fullmatch(r"spw_\S+\n", service)
    assert get(ME, service.strip()).json()["scopes"] == ["connections:read", "connections:token"]
    personal = _command(*base, "--user", member.user.email)
    assert get(ME, personal.strip()).json()["user"]["email"] == member.user.email
    assert {event.actor_kind for event in AuditEvent.objects.filter(action="api_key.created")} == {"operator"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--team", "No such team", "--service"], "no team"),
        (["--team", "Twice", "--service"], "more than one"),
        (["--service", "--user", "a@b.example"], "either"),
        ([], "either"),
        (["--user", "unknown@b.example"], "not a member"),
        (["--service", "--days", "0"], "between 1 and 3650"),
    ],
)
def test_the_command_reports_invalid_arguments(owner: Membership, change: list[str], words: str) -> None:
    make_team("Twice")
    make_team("Twice")
    base = ["--team", owner.team.name, "--name", "engine", "--scope", "connections:read"]
    with pytest.raises(CommandError, match=words):
        _command(*base, *change)
    assert not ApiKey.objects.exists()
