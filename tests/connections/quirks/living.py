"""After the consent: how tokens are refreshed, where the API is and how it wants to be called, whose account it is."""

import base64
import json
from datetime import timedelta
from typing import Any

from apps.connections.errors import ReauthorizationRequired
from tests.authserver.dialect import Dialect, DialectServer
from tests.connections.quirks.files import ORIGIN, param
from tests.connections.quirks.story import Story, case
from tests.servers import Received


@case(
    {"oauth2": {"refresh": {
        "rotation": "strict", "url": "{origin}/refresh", "auth_method": "client_secret_post",
        "params": {"resource": "things"}, "repeats_redirect_uri": True,
    }}},
    Dialect(rotation="strict", refresh_client="post"),
)  # fmt: skip
def a_refresh_elsewhere_and_otherwise(story: Story) -> None:
    assert story.exchange.headers["Authorization"] == story.server.client.basic()
    first, second = story.server.calls("/refresh")
    assert len(story.server.calls("/token")) == 1
    assert first.form["resource"] == "things"
    assert first.form["redirect_uri"] == story.asked["redirect_uri"]
    assert first.form["client_secret"] == story.server.client.client_secret
    (family,) = story.server.grants.families
    assert [first.form["refresh_token"], second.form["refresh_token"]] == family.used  # each once, the newest next


@case({"oauth2": {"token_endpoint_auth_method": "client_secret_post",
                  "refresh": {"auth_method": "client_secret_basic"}}},
      Dialect(client="post", refresh_client="basic"))  # fmt: skip
def a_refresh_with_the_secret_in_a_header(story: Story) -> None:
    assert "client_secret" in story.exchange.form
    assert story.refresh.headers["Authorization"] == story.server.client.basic()


@case({"oauth2": {"refresh": {"auth_method": "none"}}}, Dialect(refresh_client="none"))
def a_refresh_without_the_secret(story: Story) -> None:
    assert story.refresh.form["client_id"] == story.server.client.client_id
    assert "Authorization" not in story.refresh.headers


@case({"oauth2": {"refresh": {"rotation": "grace"}}}, Dialect(rotation="grace"))
def a_rotation_with_grace(story: Story) -> None:
    shown = [request.form["refresh_token"] for request in story.server.calls("/token")[1:]]
    assert shown == story.server.grants.families[0].used


@case({"oauth2": {"refresh": {"rotation": "none", "margin": 600, "unused_lifetime": 900, "parallel_calls": 2,
                             "earliest_refresh": 800}}},
      Dialect(says=lambda d: {**d, "expires_in": 7200}))  # fmt: skip
def always_the_same_refresh_token(story: Story) -> None:
    first, second = (request.form["refresh_token"] for request in story.server.calls("/token")[1:])
    assert first == second
    assert story.until_refresh is not None
    # The unused refresh token would die first, but the service refuses to refresh a younger token.
    assert timedelta(seconds=790) < story.until_refresh


@case({"oauth2": {"refresh": {"supported": False}, "expires_in_path": ""}}, refreshes=False)
def no_refresh_at_all(story: Story) -> None:
    assert len(story.server.calls("/token")) == 1


@case(
    {
        "oauth2": {"error_aliases": {"expired_code": "invalid_grant"},
                   "success_check": {"path": "ok", "equals": True}},
    },
    Dialect(says=lambda d: {**d, "ok": True}, refuses_with={"ok": False, "error": "expired_code"}),
    dies=True,
)  # fmt: skip
def an_error_in_words_of_its_own(story: Story) -> None:
    assert isinstance(story.refusal, ReauthorizationRequired)


@case(
    {"api": {
        "base_url": "{origin}/api/{version}",
        "headers": {"X-Version": "2026-11-01", "X-Client": "{client_id}", "X-Tenant": "{tenant}"},
        "query": {"key": "{client_id}", "site": "{tenant}"},
        "access_token_header": "X-Auth: Zoho-oauthtoken {access_token}",
    }, "account": {"method": "GET", "url": "{origin}/me", "label_path": "users[0].mail | users[0].name",
                   "subject_path": "users[0].id"},
     "params": [param("tenant", "[a-z]{2,9}", "north", "user"), param("version", "v[0-9]", "v3", "client")]},
    Dialect(pages={"/me": {"users": [{"id": 7, "name": "Ada"}]}}), params={"tenant": "north"},
)  # fmt: skip
def headers_and_query_of_every_call(story: Story) -> None:
    (me,) = story.server.calls("/me")
    for call in (me, *story.api_calls):
        assert (call.headers["X-Version"], call.headers["X-Tenant"]) == ("2026-11-01", "north")
        assert call.headers["X-Client"] == story.server.client.client_id
        assert "Authorization" not in call.headers
        assert f"key={story.server.client.client_id}&site=north" in call.path
    assert story.api_calls[0].headers["X-Auth"] == f"Zoho-oauthtoken {story.tokens[0].access_token}"
    assert story.api_calls[0].path.startswith("/api/v3/things?page=2&key=")
    assert (story.connection.account_subject, story.connection.name) == ("7", "Ada")


@case({"api": {"base_url": "{origin}/api", "access_token_parameter": "oauth_token"}})
def the_token_in_the_query(story: Story) -> None:
    (first, _) = story.api_calls
    assert first.path == f"/api/things?page=2&oauth_token={story.tokens[0].access_token}"
    assert "Authorization" not in first.headers


def _says_who(request: Received) -> Any:
    return {"status": "fine", "person": {"mail": "ada@example.com"}} if request.body else {"status": "no"}


@case(
    {"account": {
        "method": "POST", "url": "{origin}/who/{tenant}", "headers": {"X-Token": "{access_token}", "X-In": "{tenant}"},
        "form": {"secret": "{client_secret}", "client": "{client_id}"}, "label_path": "person.mail",
        "success_check": {"path": "status", "equals": "fine"},
    }, "params": [param("tenant", "[a-z]{2,9}", "north", "user")]},
    Dialect(pages={"/who/north": _says_who}), params={"tenant": "north"},
)  # fmt: skip
def an_account_asked_by_a_form(story: Story) -> None:
    (who,) = story.server.calls("/who/north")
    assert who.form == {"secret": story.server.client.client_secret, "client": story.server.client.client_id}
    assert (who.headers["X-Token"], who.headers["X-In"]) == (story.tokens[0].access_token, "north")
    assert story.connection.account_subject == story.connection.name == "ada@example.com"


@case(
    {"account": {
        "method": "POST", "url": "{origin}/graphql", "headers": {"Content-Type": "application/json"},
        "body": '{"query": "{ viewer { name } }"}', "subject_path": "", "label_path": "data.viewer.name",
    }},
    Dialect(pages={"/graphql": {"data": {"viewer": {"name": "Ada"}}}}),
)  # fmt: skip
def an_account_asked_by_graphql(story: Story) -> None:
    (asked,) = story.server.calls("/graphql")
    assert json.loads(asked.body) == {"query": "{ viewer { name } }"}
    # A name alone does not distinguish two accounts.
    assert (story.connection.account_subject, story.connection.name) == ("", "Ada")


def _id_token(server: DialectServer) -> Dialect:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "s-1", "email": "ada@example.com"}).encode()).decode()
    return Dialect(says=lambda d: {**d, "id_token": f"e30.{claims.rstrip('=')}.x"})


@case({"answer_account": {"source": "id_token", "subject_path": "sub", "label_path": "email"}}, _id_token)
def an_account_in_the_id_token(story: Story) -> None:
    assert (story.connection.account_subject, story.connection.name) == ("s-1", "ada@example.com")


@case(
    {
        "placement": {
            "url": "{origin}/sites", "list_path": "sites", "where": {"path": "kind", "equals": "crm"},
            "values": {"site": "address", "cloud": "id"}, "headers": {"X-Token": "{access_token}", "X-In": "{area}"},
        },
        "api": {"base_url": "{site}/api/{cloud}"},
        "params": [
            param("site", ORIGIN, "http://localhost:1", "post_connect"),
            param("cloud", "[a-z0-9-]{2,40}", "c-1", "post_connect"),
            param("area", "[a-z]{2,9}", "north", "user"),
        ],
    },
    lambda server: Dialect(pages={"/sites": {"sites": [
        {"kind": "wiki", "address": server.url, "id": "c-0"},
        {"kind": "crm", "address": server.elsewhere, "id": "c-1"},
    ]}}),
    params={"area": "north"},
)  # fmt: skip
def a_site_found_after_connecting(story: Story) -> None:
    (asked,) = story.server.calls("/sites")
    assert (asked.headers["X-Token"], asked.headers["X-In"]) == (story.tokens[0].access_token, "north")
    assert asked.headers["Authorization"] == f"Bearer {story.tokens[0].access_token}"
    assert story.connection.params == {"site": story.server.elsewhere, "cloud": "c-1", "area": "north"}
    assert story.api_calls[0].path == "/api/c-1/things?page=2"
    assert story.api_calls[0].headers["Host"] == story.server.elsewhere.removeprefix("http://")
