"""*Check configuration* against real sockets: each fault is named, with the way to put it right."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps import egress
from apps.audit.models import AuditEvent
from apps.egress import destination
from apps.errors import NotAllowed
from apps.integrations.custom_apis.doctor import Finding
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.teams.models import Membership, Role
from tests.authserver import AuthServer, answers, auth_server, refuses
from tests.factories import actor_for, client_for, make_key, make_member, make_user
from tests.sandbox.server import running_sandbox
from tests.servers import http_server

# The findings come from what sockets answer.
pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthServer]:
    with auth_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(running.url).netloc])
        yield running


@pytest.fixture
def admin(owner: Membership) -> Membership:
    return make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))


def api_at(server: AuthServer, admin: Membership, *, client_secret: str = "", **fields: Any) -> CustomApi:
    """Right in everything but what `fields` say."""
    right: dict[str, Any] = {
        "authorization_url": f"{server.url}/authorize",
        "token_url": f"{server.url}/o/token/",
        "scopes": (CustomScope(name="messages:read"), CustomScope(name="offline_access")),
    }
    api = create_custom_api(actor=actor_for(admin), name="Carrier Hub", base_url=f"{server.url}/api")
    return save_authentication(
        actor=actor_for(admin),
        api=api,
        authentication=Authentication(type="oauth2", **right | fields),
        client_id=server.client_id,
        client_secret=client_secret or server.client_secret,
    )


def found(api: CustomApi, admin: Membership) -> dict[str, Finding]:
    check_up = check_configuration(actor=actor_for(admin), api=CustomApi.objects.get(pk=api.pk))
    return {finding.code: finding for finding in check_up.findings}


def faults(api: CustomApi, admin: Membership) -> list[str]:
    return [code for code, finding in found(api, admin).items() if finding.severity == "fault"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_what_is_right_has_no_fault(server: AuthServer, admin: Membership, method: str) -> None:
    server.client_authentication = method
    api = api_at(server, admin, token_endpoint_auth_method=method)
    seen = found(api, admin)
    assert [one.code for one in seen.values() if one.severity == "fault"] == []
    assert {"client_accepted", "authorization_answers", "lasting_access", "no_https"} <= seen.keys()


def test_a_wrong_secret(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, client_secret="not-the-secret")
    seen = found(api, admin)
    assert faults(api, admin) == ["client_refused"]
    assert "for every method of client authentication" in seen["client_refused"].sentence
    assert seen["client_refused"].field == "client_secret"
    assert "not-the-secret" not in str(seen)


@pytest.mark.parametrize(
    ("chosen", "right"),
    [("client_secret_basic", "client_secret_post"), ("client_secret_post", "client_secret_basic")],
)
def test_a_wrong_client_authentication_method(server: AuthServer, admin: Membership, chosen: str, right: str) -> None:
    server.client_authentication = right
    api = api_at(server, admin, token_endpoint_auth_method=chosen)
    assert faults(api, admin) == ["wrong_client_authentication"]
    assert found(api, admin)["wrong_client_authentication"].fix.startswith(f"Choose {right} ")


def test_a_server_that_calls_a_missing_client_an_invalid_request(server: AuthServer, admin: Membership) -> None:
    server.client_authentication = "client_secret_post"
    server.script(*[refuses("invalid_request")] * 3)  # the client's, and those of a made-up secret and a made-up ID
    assert faults(api_at(server, admin), admin) == ["wrong_client_authentication"]


def test_an_authorization_url_that_is_a_404(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, authorization_url=f"{server.url}/nowhere")
    assert faults(api, admin) == ["authorization_not_found"]


def test_a_token_url_that_responds_with_html(server: AuthServer, admin: Membership) -> None:
    server.script(answers(200, b"<!doctype html><title>Sign in</title>", Content_Type="text/html"))
    seen = found(api_at(server, admin), admin)
    assert "HTML" in seen["token_is_a_page"].sentence
    assert "Sign in" not in str(seen)


def test_a_token_url_that_responds_with_404_or_a_redirect(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, token_url=f"{server.url}/nowhere")
    assert faults(api, admin) == ["token_not_found"]
    server.script(answers(307, b"", Location="https://elsewhere.example/token"))
    api = api_at(server, admin)
    assert faults(api, admin) == ["token_redirects"]


def test_missing_offline_access(server: AuthServer, admin: Membership) -> None:
    bare = {"scopes": (CustomScope(name="messages:read"),)}
    api = api_at(server, admin, **bare)
    assert found(api, admin)["no_lasting_access"].severity == "advice"
    server.publish(scopes_supported=["messages:read", "offline_access"])
    assert faults(api, admin) == ["no_lasting_access"]
    assert "Add offline_access" in found(api, admin)["no_lasting_access"].fix
    asking = api_at(server, admin, **bare, authorization_params={"access_type": "offline"})
    assert "no_lasting_access" not in found(asking, admin)


def test_a_wrong_separator_is_detected_by_the_consent_page(server: AuthServer, admin: Membership) -> None:
    server.scope_separator = ","
    api = api_at(server, admin)
    assert faults(api, admin) == ["wrong_separator"]
    assert found(api, admin)["wrong_separator"].fix == "Choose a comma as scope separator and save."
    server.scope_separator = " "
    assert faults(api, admin) == []


def test_a_wrong_separator_is_detected_by_the_scope_names(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, scopes=(CustomScope(name="messages:read,profile"),))
    assert "wrong_separator" in faults(api, admin)
    server.publish(scopes_supported=["messages:read,profile"])  # it is one name there
    assert "wrong_separator" not in faults(api, admin)


def test_scopes_that_no_separator_saves(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, scopes=(CustomScope(name="unheard"), CustomScope(name="offline_access")))
    assert faults(api, admin) == ["scopes_refused"]


def test_a_host_that_is_down(server: AuthServer, admin: Membership) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        down = f"http://127.0.0.1:{taken.getsockname()[1]}"
    egress.configure(allowed_hosts=[urlsplit(down).netloc, urlsplit(server.url).netloc])
    api = api_at(server, admin, authorization_url=f"{down}/authorize", token_url=f"{down}/token")
    assert faults(api, admin) == ["authorization_unreachable", "token_unreachable"]


def test_refresh_and_revocation_urls_that_are_right(server: AuthServer, admin: Membership) -> None:
    ends = {"refresh_url": f"{server.url}/o/token/", "revocation_url": f"{server.url}/o/revoke_token/"}
    seen = found(api_at(server, admin, **ends), admin)
    assert [one.code for one in seen.values() if one.severity == "fault"] == []
    assert "invalid_grant" in seen["refresh_answers"].sentence
    assert "RFC 7009" in seen["revocation_answers"].sentence


def test_endpoints_that_are_not_entered_are_not_called(server: AuthServer, admin: Membership) -> None:
    assert not {code for code in found(api_at(server, admin), admin) if code.startswith(("refresh", "revocation"))}


PAGE = (200, {"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><title>Sign in</title>")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}, b"{}"), "not_found"),
        ((405, {}, b"{}"), "no_oauth"),
        ((307, {"Location": "https://elsewhere.example/"}, b""), "redirects"),
        (PAGE, "is_a_page"),
        ((503, {}, b""), "broken"),
        ((401, {}, b'{"error": "invalid_client"}'), "refuses_client"),
        ((400, {}, b'{"error": "unsupported_grant_type"}'), "unsupported"),
    ],
)
def test_what_is_wrong_with_them_is_named_with_its_fix(
    server: AuthServer, admin: Membership, answer: tuple[int, dict[str, str], bytes], code: str
) -> None:
    with http_server() as other:
        egress.configure(allowed_hosts=[urlsplit(server.url).netloc, f"127.0.0.1:{other.port}"])
        other.answers.append(answer)
        api = api_at(server, admin, refresh_url=f"{other.url}/refresh", revocation_url=f"{other.url}/revoke")
        seen = found(api, admin)
        sent = [call.form for call in other.received]
    wanted = {f"refresh_{code}"} | ({f"revocation_{code}"} if code != "unsupported" else set())
    assert {one.code for one in seen.values() if one.severity == "fault"} == wanted
    assert all(seen[one].fix and seen[one].field == f"{one.split('_')[0]}_url" for one in wanted)
    assert "Sign in" not in str(seen)
    assert [form.get("grant_type") for form in sent] == ["refresh_token", None]
    assert all("specway-test-" in form.get("refresh_token", "") + form.get("token", "") for form in sent)


def test_a_revocation_url_that_takes_no_refresh_tokens(server: AuthServer, admin: Membership) -> None:
    with http_server() as other:
        egress.configure(allowed_hosts=[urlsplit(server.url).netloc, f"127.0.0.1:{other.port}"])
        other.will_answer(400, b'{"error": "unsupported_token_type"}')
        seen = found(api_at(server, admin, revocation_url=f"{other.url}/revoke"), admin)
    assert seen["revocation_unsupported"].severity == "advice"


def test_a_wrong_client_is_reported_once(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, client_secret="not-the-secret", refresh_url=f"{server.url}/o/token/")
    assert faults(api, admin) == ["client_refused"]


def test_unreachable_refresh_and_revocation_urls(server: AuthServer, admin: Membership) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        down = f"http://127.0.0.1:{taken.getsockname()[1]}"
    egress.configure(allowed_hosts=[urlsplit(down).netloc, urlsplit(server.url).netloc])
    api = api_at(server, admin, refresh_url=f"{down}/refresh", revocation_url=f"{down}/revoke")
    assert faults(api, admin) == ["refresh_unreachable", "revocation_unreachable"]
    assert "no_https" in found(api, admin)


def test_a_service_that_is_broken(server: AuthServer, admin: Membership) -> None:
    server.script(answers(503))
    assert faults(api_at(server, admin), admin) == ["token_broken"]


def test_a_rejected_redirect_uri_names_the_one_to_register(server: AuthServer, admin: Membership) -> None:
    server.script(answers(400, b'{"error": "invalid_request", "error_description": "redirect_uri mismatch"}'))
    api = api_at(server, admin)
    assert custom_api_redirect_uri(api.integration) in found(api, admin)["redirect_uri_refused"].fix


def test_differences_from_the_issuers_metadata(server: AuthServer, admin: Membership) -> None:
    server.publish(token_endpoint=f"{server.url}/o/other/", code_challenge_methods_supported=["S256"])
    seen = found(api_at(server, admin, pkce=False), admin)
    assert "/o/other/" in seen["other_token_url"].sentence
    assert "The issuer supports it." in seen["no_pkce"].sentence


def test_a_draft_lists_its_missing_fields(server: AuthServer, admin: Membership) -> None:
    api = create_custom_api(actor=actor_for(admin), name="Draft", base_url=f"{server.url}/api")
    draft = Authentication(type="oauth2", authorization_url=f"{server.url}/authorize")
    save_authentication(actor=actor_for(admin), api=api, authentication=draft)
    assert faults(api, admin) == ["missing_token_url", "missing_client_id"]


def test_other_kinds_are_checked_at_their_base_url(server: AuthServer, admin: Membership) -> None:
    api = create_custom_api(actor=actor_for(admin), name="Keyed", base_url=f"{server.url}/api/me")
    save_authentication(actor=actor_for(admin), api=api, authentication=Authentication(type="api_key"))
    assert "401" in found(api, admin)["base_answers"].sentence


def test_the_real_sandbox_service(admin: Membership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())
    api = create_custom_api(actor=actor_for(admin), name="Sandbox of ours", base_url="https://later.example")
    with running_sandbox(tmp_path, redirect_uris=[custom_api_redirect_uri(api.integration)]) as sandbox:
        egress.configure(allowed_hosts=[urlsplit(sandbox.url).netloc])
        described = Authentication(
            type="oauth2",
            authorization_url=f"{sandbox.url}/o/authorize/",
            token_url=f"{sandbox.url}/o/token/",
            scopes=(CustomScope(name="profile"),),
        )
        client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        save_authentication(actor=actor_for(admin), api=api, authentication=described, **client)
        assert faults(api, admin) == []
        save_authentication(actor=actor_for(admin), api=api, authentication=described, client_secret="wrong")
        assert faults(api, admin) == ["client_refused"]
        lost = described.with_values({"token_url": f"{sandbox.url}/nowhere/"})
        save_authentication(actor=actor_for(admin), api=api, authentication=lost, client_secret="wrong")
        assert faults(api, admin) == ["token_not_found"]


def test_a_check_is_audited_and_holds_no_secret(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, client_secret="canary-of-the-doctor")
    seen = found(api, admin)
    event = AuditEvent.objects.get(action="integration.checked")
    assert event.detail == {"faults": ["client_refused"]}
    assert "canary-of-the-doctor" not in str(seen) + str(AuditEvent.objects.values_list())


def test_members_and_strangers_do_not_check(
    server: AuthServer, admin: Membership, member: Membership, stranger: Membership
) -> None:
    api = api_at(server, admin)
    with pytest.raises(NotAllowed):
        check_configuration(actor=actor_for(member), api=api)
    page = f"/custom-apis/{api.integration.slug}/check/"
    assert client_for(member).post(page).status_code == 403
    assert client_for(stranger).post(page).status_code == 404
    assert client_for(admin, enforce_csrf_checks=True).post(page).status_code == 403
    assert server.arrivals == []


def test_the_page_shows_the_findings_with_and_without_javascript(server: AuthServer, admin: Membership) -> None:
    api = api_at(server, admin, client_secret="wrong")
    page = f"/custom-apis/{api.integration.slug}/check/"
    whole = client_for(admin).post(page).content.decode()
    assert "The client ID or secret is wrong" in whole
    assert "<html" in whole
    part = client_for(admin).post(page, headers={"HX-Request": "true"}).content.decode()
    assert "The client ID or secret is wrong" in part
    assert "<html" not in part
    assert client_for(admin).get(page).status_code == 302


def test_the_api_gives_findings_to_admins(server: AuthServer, admin: Membership, member: Membership) -> None:
    api = api_at(server, admin, client_secret="wrong")
    url = f"/api/v1/integrations/{api.integration.slug}/check/"

    def asked(membership: Membership, scopes: list[str] | None = None) -> Any:
        key = make_key(membership, scopes=scopes)[1]
        return Client().post(url, headers={"Authorization": f"Bearer {key}"})

    answer = asked(admin).json()
    assert answer["findings"][0]["code"] == "client_refused"
    assert answer["findings"][0]["severity"] == "fault"
    assert set(answer["findings"][0]) == {"code", "severity", "title", "detail", "fix", "field"}
    assert asked(member).status_code == 403
    assert asked(admin, ["connections:read"]).status_code == 403
