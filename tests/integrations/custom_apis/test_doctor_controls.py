"""*Check configuration* concludes from control experiments: a made-up secret, a made-up client, other ways."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from django.utils import timezone

from apps import egress
from apps.connections.models import FirstRefresh
from apps.egress import destination
from apps.integrations.custom_apis.doctor import Finding
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.schema import Authentication, CustomScope, authentication_from
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi
from apps.oauth.provider import ClientCredentials
from apps.teams.models import Membership, Role
from tests.connections.rows import make_connection
from tests.factories import actor_for, client_for, make_member, make_user
from tests.oauth1server import oauth1_server

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

CLIENT = ClientCredentials("fernhill app", "a+b/c=d%e:f")
Answer = tuple[int, Any]


@dataclass(frozen=True)
class Asked:
    """A token request: who it says it is, in which way."""

    client_id: str
    secret: str
    way: str  # basic, post or none


Judge = Callable[[Asked], Answer]
ACCEPTED: Answer = (400, {"error": "invalid_grant"})


@dataclass
class TokenServer:
    """A token endpoint whose responses `judge` decides."""

    url: str
    judge: Judge = lambda asked: ACCEPTED
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def token_server(*, decodes: bool = True) -> Iterator[TokenServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, "sign in")

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            asked = _asked(self.headers.get("Authorization", ""), form, decodes=decodes)
            state.asked.append(asked)
            self._send(*state.judge(asked))

        def _send(self, status: int, document: Any) -> None:
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = TokenServer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _asked(header: str, form: dict[str, str], *, decodes: bool) -> Asked:
    for way, text in (("raw", CLIENT.raw_basic()), ("encoded", CLIENT.basic())):
        if header == text:
            is_right = (way == "encoded") is decodes
            return Asked(CLIENT.client_id, CLIENT.client_secret or "" if is_right else "misread", "basic")
    if header:
        known = ClientCredentials(CLIENT.client_id, "").basic()[:20]
        return Asked(CLIENT.client_id if header[:20] == known else "another", "another", "basic")
    secret = form.get("client_secret", "")
    return Asked(form.get("client_id", ""), secret, "post" if secret else "none")


def strict(*ways: str, refusal: Answer = (401, {"error": "invalid_client"}), accepted: Answer = ACCEPTED) -> Judge:
    """A server that authenticates the client first, in one of these ways."""

    def judge(asked: Asked) -> Answer:
        is_known = (asked.client_id, asked.secret) == (CLIENT.client_id, CLIENT.client_secret)
        return accepted if is_known and asked.way in ways else refusal

    return judge


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    with token_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[running.url.removeprefix("http://")])
        yield running


@pytest.fixture
def admin(owner: Membership) -> Membership:
    return make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))


def api_at(
    server: TokenServer, admin: Membership, *, secret: str | None = CLIENT.client_secret, **fields: Any
) -> CustomApi:
    right: dict[str, Any] = {
        "authorization_url": f"{server.url}/authorize",
        "token_url": f"{server.url}/token",
        "scopes": (CustomScope(name="offline_access"),),
    }
    api = create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url=f"{server.url}/api")
    return save_authentication(
        actor=actor_for(admin),
        api=api,
        authentication=Authentication(type="oauth2", **right | fields),
        client_id=CLIENT.client_id,
        client_secret=secret,
    )


def found(api: CustomApi, admin: Membership) -> dict[str, Finding]:
    check_up = check_configuration(actor=actor_for(admin), api=CustomApi.objects.get(pk=api.pk))
    return {finding.code: finding for finding in check_up.findings}


def client_finding(api: CustomApi, admin: Membership) -> tuple[str, str]:
    """Code and severity of the finding about the client: there is exactly one."""
    about = [one for code, one in found(api, admin).items() if "client" in code or code.startswith("token_")]
    assert len(about) == 1, about
    return about[0].code, about[0].severity


NOT_FOUND = (404, {"error": "invalid_grant"})
GLEWLWYD = (403, {"error": "unauthorized_client"})


@pytest.mark.parametrize(
    ("judge", "secret", "expected"),
    [
        (strict("basic"), CLIENT.client_secret, ("client_accepted", "ok")),
        (strict("basic"), "wrong", ("client_refused", "fault")),
        (strict("post"), CLIENT.client_secret, ("wrong_client_authentication", "fault")),
        # Looks at the code first: nothing follows, whether the secret is right or wrong.
        (lambda asked: ACCEPTED, CLIENT.client_secret, ("client_not_judged", "advice")),
        (lambda asked: ACCEPTED, "wrong", ("client_not_judged", "advice")),
        # One code for a wrong secret, a wrong method and an unknown ID, and another for a wrong code.
        (strict("basic", refusal=GLEWLWYD), CLIENT.client_secret, ("client_accepted", "ok")),
        (strict("basic", refusal=GLEWLWYD), "wrong", ("client_refused", "fault")),
        (strict("post", refusal=GLEWLWYD), CLIENT.client_secret, ("wrong_client_authentication", "fault")),
        # A grant that is not enabled for this client, while a made-up one is unknown.
        (strict("basic", accepted=GLEWLWYD), CLIENT.client_secret, ("client_unauthorized", "fault")),
        # Empty bodies, as far as they differ.
        (strict("basic", accepted=(400, None)), CLIENT.client_secret, ("client_accepted", "ok")),
        (lambda asked: (400, None), CLIENT.client_secret, ("token_no_oauth", "fault")),
        # A 404 is no OAuth endpoint, whatever its JSON says, to the client as well.
        (lambda asked: (404, {"error": "not_found"}), CLIENT.client_secret, ("token_not_found", "fault")),
        (
            strict("basic", accepted=(404, {"error": "invalid_grant"})),
            CLIENT.client_secret,
            ("token_not_found", "fault"),
        ),
    ],
)
def test_a_client_is_judged_by_what_a_made_up_one_is_answered(
    server: TokenServer, admin: Membership, judge: Judge, secret: str, expected: tuple[str, str]
) -> None:
    server.judge = judge
    assert client_finding(api_at(server, admin, secret=secret), admin) == expected


def test_a_wrong_secret_of_a_known_id_is_distinguished_from_an_unknown_id(
    server: TokenServer, admin: Membership
) -> None:
    def judge(asked: Asked) -> Answer:
        if asked.client_id != CLIENT.client_id:
            return 400, {"error": "invalid_client"}
        return ACCEPTED if asked.secret == CLIENT.client_secret else (401, {"error": "invalid_client"})

    server.judge = judge
    seen = found(api_at(server, admin, secret="wrong", token_endpoint_auth_method="client_secret_post"), admin)
    assert seen["client_refused"].title == "The client secret is wrong"


def test_without_a_secret_a_made_up_id_is_the_control(server: TokenServer, admin: Membership) -> None:
    server.judge = lambda asked: ACCEPTED if asked.client_id == CLIENT.client_id else (401, {"error": "invalid_client"})
    public = api_at(server, admin, secret=None, token_endpoint_auth_method="none")
    assert client_finding(public, admin) == ("client_accepted", "ok")
    server.judge = lambda asked: ACCEPTED
    assert client_finding(public, admin) == ("client_not_judged", "advice")


def test_a_server_that_takes_any_client_without_a_secret_does_not_make_that_the_advice(
    server: TokenServer, admin: Membership
) -> None:
    server.judge = lambda asked: ACCEPTED if asked.way == "none" else (401, {"error": "invalid_client"})
    assert client_finding(api_at(server, admin), admin) == ("client_refused", "fault")


@pytest.mark.parametrize(("decodes", "credentials"), [(False, "encoded"), (True, "raw")])
def test_a_server_that_reads_the_header_otherwise_is_recognized(
    monkeypatch: pytest.MonkeyPatch, admin: Membership, decodes: bool, credentials: str
) -> None:
    with token_server(decodes=decodes) as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[running.url.removeprefix("http://")])
        running.judge = strict("basic")
        seen = found(api_at(running, admin, basic_credentials=credentials), admin)
    wanted = "client_must_be_encoded" if decodes else "client_not_decoded"
    assert (seen[wanted].severity, seen[wanted].field) == ("fault", "basic_credentials")
    if not decodes:
        assert "client_secret_post" in seen[wanted].fix
        assert "2.3.1" in seen[wanted].sentence


def test_no_made_up_request_has_the_secret_in_another_form(server: TokenServer, admin: Membership) -> None:
    server.judge = strict("post")
    found(api_at(server, admin), admin)
    made_up = [asked for asked in server.asked if asked.secret not in (CLIENT.client_secret, "another")]
    assert len(made_up) >= 2
    assert not any(quote_plus(CLIENT.client_secret or "") in asked.secret for asked in made_up)


# --- OAuth 1.0a -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "confirms", "expected"),
    [
        ("", True, ("client_accepted", "ok")),
        ("wrong", True, ("client_refused", "fault")),
        ("", False, ("request_token_no_oauth", "fault")),
    ],
)
def test_oauth_1_is_checked_by_its_request_token(
    admin: Membership, monkeypatch: pytest.MonkeyPatch, secret: str, confirms: bool, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    with oauth1_server() as running:
        running.confirms_callback = confirms
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        api = create_custom_api(actor=actor_for(admin), name="Ledger", base_url=f"{running.url}/api")
        described = Authentication(
            type="oauth1",
            request_token_url=f"{running.url}/request",
            authorization_url=f"{running.url}/authorize",
            token_url=f"{running.url}/access",
        )
        save_authentication(
            actor=actor_for(admin),
            api=api,
            authentication=described,
            client_id=running.key,
            client_secret=secret or running.secret,
        )
        seen = found(api, admin)
    assert seen[expected[0]].severity == expected[1]


# --- Offline access -------------------------------------------------------------------------------------------------


def connected(api: CustomApi, outcome: str, *, seconds: int | None = 60, code: str = "") -> None:
    """A connection whose first refresh had this outcome."""
    connection = make_connection(api.integration)
    now = timezone.now()
    row = connection.token_set
    row.obtained_at, row.expires_at = now, now + timedelta(seconds=seconds) if seconds is not None else None
    row.save()
    FirstRefresh.objects.create(connection=connection, outcome=outcome, code=code, at=now)


def test_what_is_requested_is_not_reported_as_received(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin)
    assert found(api, admin)["lasting_access"].title == "Offline access is requested"
    connected(api, "no_refresh_token")
    seen = found(api, admin)
    assert "lasting_access" not in seen
    finding = seen["cannot_renew"]
    assert (finding.severity, finding.title) == ("fault", "Connections end in 60 s and cannot renew themselves")
    assert finding.offer == "access_type=offline"


def test_a_first_refresh_that_worked_is_reported_as_such(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin, scopes=())
    connected(api, "worked")
    seen = found(api, admin)
    assert seen["lasting_access"].title == "Connections renew themselves"
    assert "no_lasting_access" not in seen


def test_tokens_without_an_end_need_no_refresh_token(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin)
    connected(api, "no_refresh_token", seconds=None)
    assert found(api, admin)["lasting_access"].title == "Access tokens do not expire"


def test_a_first_refresh_that_failed_is_a_fault(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin)
    connected(api, "grant_refused", code="invalid_grant")
    assert "“invalid_grant”" in found(api, admin)["refresh_failed"].sentence


def test_what_to_try_is_added_in_order_and_then_nothing_is_left(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin, scopes=(CustomScope(name="openid"), CustomScope(name="offline_access", default=False)))
    browser = client_for(admin)
    url, check = f"/custom-apis/{api.integration.slug}/offline-access/", f"/custom-apis/{api.integration.slug}/check/"
    connected(api, "no_refresh_token")
    assert "Add offline_access and save" in browser.post(check).content.decode()
    for _ in range(3):
        assert browser.post(url).status_code == 302
    settings = authentication_from(CustomApi.objects.get(pk=api.pk).authentication)
    assert [(scope.name, scope.default) for scope in settings.scopes] == [("openid", None), ("offline_access", True)]
    # With openid and offline_access, prompt=consent is sent anyway.
    assert settings.authorization_params == {"access_type": "offline"}
    last = browser.post(url, follow=True).content.decode()
    assert "There is nothing left to add" in last
    # What was observed before the change says nothing about it.
    assert found(api, admin)["lasting_access"].title == "Offline access is requested"


def test_without_openid_the_prompt_is_tried_last(server: TokenServer, admin: Membership) -> None:
    api = api_at(server, admin)
    for _ in range(2):
        client_for(admin).post(f"/custom-apis/{api.integration.slug}/offline-access/")
    settings = authentication_from(CustomApi.objects.get(pk=api.pk).authentication)
    assert settings.authorization_params == {"access_type": "offline", "prompt": "consent"}
