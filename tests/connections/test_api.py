"""The REST API of connections, with every kind of caller."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, ConnectionShare, DailyUse, Level, TokenSet, WorkflowUse
from apps.connections.services import tokens
from apps.teams.models import ApiKey, Membership
from tests import factories
from tests.authserver import AuthServer, Gate, answers, refuses
from tests.fixtures.connections import (
    Cast,
    ConnectFlow,
    Meanwhile,
    access_token,
    actions,
    expire,
    make_due,
    refresh_token,
)

URL = "/api/v1/connections/"
PROBLEM = "application/problem+json"
# fmt: off
FIELDS = {
    "id", "integration", "name", "account", "kind", "owner", "sharing", "permission", "status", "status_reason",
    "status_detail", "usable_until", "failing_since", "last_error", "last_verified_at", "scopes", "expires_at",
    "last_used_at", "next_refresh_at", "created_at", "external_id", "tags", "metadata", "site",
}
# fmt: on


@dataclass
class Caller:
    """A program with an API key."""

    key: ApiKey
    text: str

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {"Authorization": f"Bearer {self.text}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        data = "" if body is None else json.dumps(body)
        return Client().generic(method, path, data, content_type="application/json", headers=named)

    def get(self, path: str = URL) -> Any:
        return self.request("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.request("POST", path, body, **headers)


Call = Callable[..., Caller]


def caller(membership: Membership, kind: ApiKey.Kind = ApiKey.Kind.PERSONAL, **options: Any) -> Caller:
    return Caller(*factories.make_key(membership, kind, **options))


@pytest.fixture
def mine(cast: Cast) -> Caller:
    return caller(cast.member)


@pytest.fixture
def service(cast: Cast) -> Caller:
    return caller(cast.admin, ApiKey.Kind.SERVICE)


def share(connection: Connection, level: Level = Level.USE) -> None:
    Connection.objects.filter(pk=connection.pk).update(is_shared=True)
    ConnectionShare.objects.create(connection=connection, level=level)


def of(connection: Connection, what: str = "") -> str:
    return f"{URL}{connection.pk}/{what}"


def is_problem(response: Any, status: int, code: str) -> bool:
    problem = json.loads(response.content)
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response["Content-Type"] == PROBLEM
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= set(problem)
    return True


@pytest.mark.django_db
def test_a_connection_has_the_documented_fields(connection: Connection, mine: Caller, cast: Cast) -> None:
    [shown] = mine.get().json()["results"]
    assert shown == mine.get(of(connection)).json()
    assert set(shown) == FIELDS
    assert shown["account"] == {"subject": "ada", "label": "ada@sandbox.example"}
    assert shown["owner"]["id"] == str(cast.member.user.pk)
    assert (shown["sharing"], shown["permission"], shown["status"]) == ("personal", "manage", "active")
    assert shown["scopes"]["missing"] == []
    assert shown["expires_at"].endswith("Z")


@pytest.mark.django_db
def test_no_route_returns_a_secret(connection: Connection, mine: Caller) -> None:
    hidden = [access_token(connection), refresh_token(connection)]
    for response in (mine.get(), mine.get(of(connection)), mine.post(of(connection, "refresh/"))):
        text = response.content.decode()
        assert response.status_code == 200
        assert not [secret for secret in [*hidden, access_token(connection)] if secret in text]


ROUTES = [("GET", ""), ("DELETE", ""), ("POST", "token/"), ("POST", "refresh/")]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "what"), ROUTES)
def test_inaccessible_connections_are_not_found(
    connection: Connection, cast: Cast, server: AuthServer, method: str, what: str
) -> None:
    outsiders = [
        caller(cast.stranger),
        caller(cast.stranger, ApiKey.Kind.SERVICE),
        caller(factories.make_member(cast.team)),
        caller(cast.admin, ApiKey.Kind.SERVICE),
    ]
    for outsider in outsiders:
        assert is_problem(outsider.request(method, of(connection, what)), 404, "not_found")
        assert is_problem(outsider.request(method, f"{URL}{uuid4()}/{what}"), 404, "not_found")
        assert outsider.get().json()["results"] == []
    assert server.arrivals == ["authorization_code"]
    assert Connection.objects.filter(pk=connection.pk, status="active").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "what", "scope"),
    [
        ("GET", "", "connections:read"),
        ("DELETE", "", "connections:write"),
        ("POST", "token/", "connections:token"),
        ("POST", "refresh/", "connections:use"),
    ],
)
def test_each_route_needs_its_scope(
    connection: Connection, cast: Cast, server: AuthServer, method: str, what: str, scope: str
) -> None:
    without = caller(cast.member, scopes=[name for name in factories.ALL_SCOPES if name != scope])
    refused = without.request(method, of(connection, what))
    assert refused.status_code == 403
    assert refused["Content-Type"] == PROBLEM
    assert server.arrivals == ["authorization_code"]
    assert caller(cast.member, scopes=[scope]).request(method, of(connection, what)).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "what"), [*ROUTES, ("GET", "../")])
def test_a_valid_key_is_required(connection: Connection, mine: Caller, method: str, what: str) -> None:
    path = URL if what == "../" else of(connection, what)
    anonymous = Client().generic(method, path)
    assert is_problem(anonymous, 401, "unauthorized")
    assert "WWW-Authenticate" in anonymous.headers
    ApiKey.objects.update(revoked_at=timezone.now())
    assert is_problem(mine.request(method, path), 401, "unauthorized")


@pytest.mark.django_db
def test_a_session_needs_the_csrf_token_for_changes(connection: Connection, cast: Cast) -> None:
    browser = factories.client_for(cast.member, enforce_csrf_checks=True)
    assert browser.get(of(connection)).status_code == 200
    for method, what in ROUTES[1:]:
        assert browser.generic(method, of(connection, what)).status_code == 403
    assert Connection.objects.filter(pk=connection.pk).exists()
    own = factories.client_for(cast.member)
    assert own.post(of(connection, "token/"), {}, content_type="application/json").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["token/", "refresh/"])
def test_get_changes_nothing(connection: Connection, mine: Caller, what: str) -> None:
    assert is_problem(mine.get(of(connection, what)), 405, "method_not_allowed")
    assert "token.handed_out" not in actions()


# --- the token --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_owner_gets_a_working_token_that_is_not_cached(
    connection: Connection, mine: Caller, server: AuthServer
) -> None:
    response = mine.post(of(connection, "token/"), {})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    given = response.json()
    assert set(given) == {
        "access_token", "token_type", "expires_at", "ttl", "min_ttl_met", "scopes", "missing_scopes", "connection",
    }  # fmt: skip
    assert server.knows(given["access_token"])
    assert given["connection"] == str(connection.pk)
    assert given["token_type"].lower() == "bearer"


@pytest.mark.django_db
def test_only_the_owner_and_service_keys_get_the_token(
    connection: Connection, mine: Caller, service: Caller, cast: Cast
) -> None:
    share(connection, Level.MANAGE)
    for who in (caller(cast.admin), caller(cast.owner), caller(factories.make_member(cast.team))):
        assert is_problem(who.post(of(connection, "token/")), 403, "permission_denied")
    assert mine.post(of(connection, "token/")).status_code == 200
    assert service.post(of(connection, "token/")).status_code == 200
    assert actions("token.handed_out") == ["token.handed_out"] * 2
    assert AuditEvent.objects.filter(action="token.handed_out").order_by("id").last().actor_kind == "service"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_an_admin_gets_no_token_of_a_personal_connection(connection: Connection, cast: Cast) -> None:
    admin = caller(cast.admin)
    assert admin.get(of(connection)).status_code == 200
    assert is_problem(admin.post(of(connection, "token/")), 403, "permission_denied")
    assert admin.get().json()["results"] == [], "the list has what may be used"


@pytest.mark.django_db
def test_the_usage_context_is_stored_in_audit_log_and_workflows(connection: Connection, mine: Caller) -> None:
    headers = {"Specway_Workflow": 'wf-7; name="Nightly sync"', "Specway_Run": "run-3"}
    mine.post(of(connection, "token/"), {}, **headers)
    event = AuditEvent.objects.get(action="token.handed_out")
    assert (event.workflow_id, event.workflow_name, event.run_id) == ("wf-7", "Nightly sync", "run-3")
    assert WorkflowUse.objects.get().name == "Nightly sync"
    assert DailyUse.objects.get().calls == 1
    assert Connection.objects.get().last_used_at is not None


@pytest.mark.django_db
def test_a_missing_scope_is_named(connection: Connection, mine: Caller) -> None:
    response = mine.post(of(connection, "token/"), {"scopes": ["profile", "messages:write"]})
    assert is_problem(response, 409, "missing_scopes")
    assert response.json()["missing_scopes"] == ["messages:write"]
    assert mine.post(of(connection, "token/"), {"scopes": ["profile"]}).status_code == 200
    assert actions("token.handed_out") == ["token.handed_out"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {"min_ttl": -1},
        {"min_ttl": "soon"},
        {"min_ttl": None},
        {"min_ttl": 10**9},
        {"scopes": "profile"},
        {"scopes": [None]},
        {"scopes": None},
        {"minttl": 5},
        {"team": "x", "status": "active"},
        [],
        [{}],
        [1, "a"],
        "text",
        7,
    ],
)
def test_an_invalid_body_is_refused_with_messages(connection: Connection, mine: Caller, body: Any) -> None:
    assert is_problem(mine.post(of(connection, "token/"), body), 400, "validation_error")
    assert "token.handed_out" not in actions()


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["{", "\xff", "min_ttl=5"])
def test_invalid_json_is_refused(connection: Connection, mine: Caller, body: str) -> None:
    headers = {"Authorization": f"Bearer {mine.text}"}
    response = Client().post(of(connection, "token/"), body, content_type="application/json", headers=headers)
    assert response.status_code == 400
    assert response["Content-Type"] == PROBLEM


@pytest.mark.django_db
def test_a_null_body_is_refused(connection: Connection, mine: Caller) -> None:
    headers = {"Authorization": f"Bearer {mine.text}"}
    response = Client().post(of(connection, "token/"), "null", content_type="application/json", headers=headers)
    assert is_problem(response, 400, "validation_error")


@pytest.mark.django_db
def test_no_token_is_returned_if_it_cannot_be_recorded(
    connection: Connection, mine: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(tokens, "record", fail)
    token = access_token(connection)
    with pytest.raises(RuntimeError):
        mine.post(of(connection, "token/"))
    monkeypatch.undo()
    browser = factories.client_for(Membership.objects.get(user=connection.owner, team=connection.team))
    browser.raise_request_exception = False
    monkeypatch.setattr(tokens, "record", fail)
    response = browser.post(of(connection, "token/"), {}, content_type="application/json")
    assert response.status_code == 500
    assert token not in response.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what_happens", ["revoked", "ended", "unshared"])
def test_a_key_revoked_during_the_refresh_gets_no_token(
    connection: Connection, service: Caller, server: AuthServer, what_happens: str
) -> None:
    share(connection)
    expire(connection)
    server.answer_gate = gate = Gate()
    reader = Meanwhile(lambda: service.post(of(connection, "token/")))
    assert gate.arrived.wait(10)
    if what_happens == "revoked":
        ApiKey.objects.update(revoked_at=timezone.now())
    elif what_happens == "ended":
        ApiKey.objects.update(expires_at=timezone.now())
    else:
        Connection.objects.update(is_shared=False)
    gate.open()
    response = reader.result().value
    assert response.status_code in (401, 404)
    assert access_token(connection) not in response.content.decode()
    assert "token.handed_out" not in actions()
    assert server.knows(access_token(connection)), "the refresh itself is kept"


@pytest.mark.django_db
def test_an_expired_token_is_never_returned(connection: Connection, mine: Caller, server: AuthServer) -> None:
    expire(connection)
    server.script(answers(503, Retry_After="30"))
    response = mine.post(of(connection, "token/"))
    assert is_problem(response, 503, "service_unavailable")
    assert 25 < int(response["Retry-After"]) <= 31
    assert access_token(connection) not in response.content.decode()


@pytest.mark.django_db
def test_a_revoked_grant_is_reported_with_the_reconnect_url(
    connection: Connection, mine: Caller, server: AuthServer
) -> None:
    server.script(*[refuses("invalid_grant")] * 2)
    assert is_problem(mine.post(of(connection, "refresh/")), 409, "reauthorization_required")
    make_due(connection)
    assert mine.post(of(connection, "refresh/")).status_code == 409
    expire(connection)
    response = mine.post(of(connection, "token/"))
    assert is_problem(response, 409, "reauthorization_required")
    assert response.json()["reconnect_url"].endswith(f"/settings/integrations/#connection-{connection.pk}")
    assert response.json()["help"]
    shown = mine.get(of(connection)).json()
    assert (shown["status"], shown["status_reason"]) == ("needs_attention", "reauthorization_required")
    assert "Reconnect" in shown["status_detail"]


@pytest.mark.django_db
def test_a_refused_oauth_app_is_reported_as_misconfigured(
    connection: Connection, mine: Caller, server: AuthServer
) -> None:
    server.client_secret = "changed-there"
    expire(connection)
    assert is_problem(mine.post(of(connection, "token/")), 409, "integration_misconfigured")


@pytest.mark.django_db
def test_refresh_returns_the_connection_with_its_next_refresh(
    connection: Connection, mine: Caller, server: AuthServer
) -> None:
    before = mine.get(of(connection)).json()
    response = mine.post(of(connection, "refresh/"))
    assert response.status_code == 200
    assert response.json()["id"] == before["id"]
    assert response.json()["expires_at"] > before["expires_at"]
    assert len(server.journal.refreshes) == 1


@pytest.mark.django_db
def test_a_disconnect_reports_what_was_revoked(connection: Connection, mine: Caller, server: AuthServer) -> None:
    response = mine.request("DELETE", of(connection))
    assert response.status_code == 200
    assert response.json() == {
        "revocation": "revoked",
        "detail": "Sandbox confirmed that the grant is revoked.",
        "manage_url": f"{server.url}/",
    }
    assert is_problem(mine.get(of(connection)), 404, "not_found")
    assert is_problem(mine.post(of(connection, "token/")), 404, "not_found")


@pytest.mark.django_db
def test_the_level_use_cannot_disconnect(connection: Connection, cast: Cast) -> None:
    share(connection, Level.VIEW)
    other = caller(factories.make_member(cast.team))
    assert is_problem(other.request("DELETE", of(connection)), 403, "permission_denied")
    assert Connection.objects.filter(pk=connection.pk).exists()


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_list_filters_and_refuses_unknown_parameters(connect_flow: ConnectFlow, cast: Cast, mine: Caller) -> None:
    ada = connect_flow.connect(cast.actor("member"))
    grace = connect_flow.connect(cast.actor("member"), subject="grace", scopes=["profile"])
    Connection.objects.filter(pk=grace.pk).update(status="needs_attention", status_reason="service_unavailable")

    def found(query: str) -> list[str]:
        return [shown["account"]["subject"] for shown in mine.get(f"{URL}?{query}").json()["results"]]

    assert found("") == ["grace", "ada"]
    assert found("status=active") == ["ada"]
    assert found("integration=sandbox&status=needs_attention") == ["grace"]
    assert found("integration=elsewhere") == []
    assert found("sharing=shared") == []
    assert found("sharing=personal") == ["grace", "ada"]
    assert found("kind=oauth2") == ["grace", "ada"]
    assert found(f"owner={cast.member.user.pk}") == ["grace", "ada"]
    assert found(f"owner={cast.admin.user.pk}") == []
    assert found("scopes=profile%20messages:read") == ["ada"]
    assert ada.pk != grace.pk
    for query in ("statuss=active", "status=disconnecting", "owner=me", "kind=magic", "sharing=maybe", "team=x"):
        assert is_problem(mine.get(f"{URL}?{query}"), 400, "validation_error")


@pytest.mark.django_db
def test_the_list_is_paged_by_cursor_newest_first(connect_flow: ConnectFlow, cast: Cast, mine: Caller) -> None:
    for number in range(3):
        connect_flow.connect(cast.actor("member"), subject=f"person-{number}")
    first = mine.get(f"{URL}?page_size=2").json()
    assert [shown["account"]["subject"] for shown in first["results"]] == ["person-2", "person-1"]
    assert first["previous"] is None
    second = mine.get(first["next"]).json()
    assert [shown["account"]["subject"] for shown in second["results"]] == ["person-0"]
    assert second["next"] is None


@pytest.mark.django_db
def test_a_service_key_lists_what_is_shared(connection: Connection, service: Caller) -> None:
    assert service.get().json()["results"] == []
    share(connection)
    [shown] = service.get().json()["results"]
    assert (shown["sharing"], shown["permission"]) == ("shared", "use")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["x/", "x/token/", "00000000/"])
def test_an_invalid_id_is_not_found(mine: Caller, path: str) -> None:
    response = mine.get(f"{URL}{path}")
    assert response.status_code == 404
    assert response["Content-Type"] == PROBLEM


@pytest.mark.django_db
def test_a_healthy_connection_has_no_known_end(connection: Connection, mine: Caller) -> None:
    shown = mine.get(of(connection)).json()
    assert (shown["usable_until"], shown["failing_since"], shown["last_error"]) == (None, None, None)
    assert shown["last_verified_at"] is not None


@pytest.mark.django_db
def test_a_connection_without_refresh_is_usable_until_its_token_expires(connection: Connection, mine: Caller) -> None:
    TokenSet.objects.update(refresh_token=None)
    shown = mine.get(of(connection)).json()
    assert shown["usable_until"] == shown["expires_at"] is not None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_needs_attention_says_since_when_and_why(
    connection: Connection, mine: Caller, server: AuthServer
) -> None:
    expire(connection)
    Connection.objects.update(status="needs_attention", status_reason="reauthorization_required")
    shown = mine.get(of(connection)).json()
    assert shown["last_error"]["code"] == "reauthorization_required"
    assert shown["last_error"]["detail"] == shown["status_detail"]
    assert shown["failing_since"] == shown["last_error"]["at"] is not None
    assert shown["usable_until"] == shown["expires_at"]


@pytest.mark.django_db(transaction=True)
def test_a_min_ttl_that_cannot_be_met_is_reported_or_refused(connection: Connection, mine: Caller) -> None:
    body = mine.post(of(connection, "token/"), {"min_ttl": 30}).json()
    assert body["min_ttl_met"] is True
    assert 0 < body["ttl"] < 86_400
    body = mine.post(of(connection, "token/"), {"min_ttl": 86_400}).json()
    assert body["min_ttl_met"] is False
    handed_out = actions("token.handed_out")
    refused = mine.post(of(connection, "token/"), {"min_ttl": 86_400, "strict": True})
    assert is_problem(refused, 409, "min_ttl_not_met")
    assert actions("token.handed_out") == handed_out
    assert mine.post(of(connection, "token/"), {"min_ttl": 30, "strict": True}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("params", [{"nope": "x"}, {"region": "eu"}])
def test_parameters_that_would_change_nothing_are_refused(
    connection: Connection, mine: Caller, params: dict[str, str]
) -> None:
    assert is_problem(mine.request("PATCH", of(connection), {"params": params}), 400, "validation_error")
    assert is_problem(mine.request("PATCH", of(connection), {"name": "x", "params": params}), 400, "validation_error")
    assert mine.request("PATCH", of(connection), {"name": "x", "params": {}}).status_code == 200


def _names(response: Any) -> list[str]:
    return [row["name"] for row in response.json()["results"]]


@pytest.mark.django_db
def test_connections_are_found_by_words_and_name_and_ordered(connection: Connection, mine: Caller) -> None:
    Connection.objects.update(name="Beta mailbox")
    row = Connection.objects.get()
    for name in ("Alpha box", "Gamma"):
        row.pk, row.name = None, name
        row.id, row.created_at = uuid4(), timezone.now()
        row.save(force_insert=True)
    assert _names(mine.get(f"{URL}?ordering=name")) == ["Alpha box", "Beta mailbox", "Gamma"]
    assert _names(mine.get(f"{URL}?ordering=-name")) == ["Gamma", "Beta mailbox", "Alpha box"]
    assert _names(mine.get(f"{URL}?ordering=created_at")) == ["Beta mailbox", "Alpha box", "Gamma"]
    assert _names(mine.get(f"{URL}?search=MAIL+bet")) == ["Beta mailbox"]
    assert _names(mine.get(f"{URL}?search=sandbox+gamma")) == ["Gamma"]
    assert _names(mine.get(f"{URL}?name=Gamma")) == ["Gamma"]
    page = mine.get(f"{URL}?ordering=name&page_size=1&include=total").json()
    assert (page["total"], len(page["results"])) == (3, 1)
    assert _names(mine.get(page["next"].removeprefix("http://testserver"))) == ["Beta mailbox"]
    assert is_problem(mine.get(f"{URL}?ordering=owner"), 400, "validation_error")
