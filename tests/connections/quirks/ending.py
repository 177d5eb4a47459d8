"""The end of a grant at the service, in each shape that services give it."""

from urllib.parse import urlsplit

from tests.authserver.dialect import Dialect, fields_in
from tests.connections.quirks.files import param
from tests.connections.quirks.story import Story, case


def was_revoked(story: Story) -> None:
    assert story.ended is not None
    assert (story.ended.revocation, story.server.grants.families[0].revoked) == ("revoked", True)


@case(
    {"revocation": {
        "url": "{origin}/revoke/{client_id}/grant", "method": "DELETE", "client_authentication": "client_secret_basic",
        "body_encoding": "json", "token_parameter": "access_token", "token_type_hint": False,
        "tokens": ["access_token"], "success_statuses": [204, 202],
        "headers": {"X-Version": "7", "X-Secret": "{client_secret}", "X-In": "{area}"},
    }, "oauth2": {"token_endpoint_auth_method": "client_secret_post"},
       "params": [param("area", "[a-z]{2,9}", "north", "user")]},
    Dialect(client="post", revocation=(202, {})), params={"area": "north"},
)  # fmt: skip
def a_delete_with_json(story: Story) -> None:
    (call,) = story.revocations
    assert (call.method, call.path) == ("DELETE", f"/revoke/{story.server.client.client_id}/grant")
    assert fields_in(call, "json") == {"access_token": story.server.grants.families[0].access_tokens[-1]}
    assert call.headers["Authorization"] == story.server.client.basic()
    assert (call.headers["X-Version"], call.headers["X-In"]) == ("7", "north")
    assert call.headers["X-Secret"] == story.server.client.client_secret
    was_revoked(story)


@case(
    {"revocation": {
        "url": "{origin}/revoke", "body_encoding": "query", "client_authentication": "none",
        "token_type_hint": False, "tokens": ["refresh_token"], "params": {"account": "{account}"},
        "success_check": {"path": "status", "equals": "gone"},
    }, "params": [param("account", "[a-z0-9]{2,20}", "acct1", "token_response")]},
    Dialect(says=lambda d: {**d, "account": "acct7"}, revocation=(200, {"status": "gone"})),
)  # fmt: skip
def a_token_in_the_query(story: Story) -> None:
    (call,) = story.revocations
    refresh = story.server.grants.families[0].refresh_token
    assert fields_in(call, "query") == {"token": refresh, "account": "acct7"}
    assert "Authorization" not in call.headers
    was_revoked(story)


@case(
    {"revocation": {
        "url": "{origin}/revoke", "body_encoding": "none", "client_authentication": "bearer", "token_parameter": "",
        "token_type_hint": False, "tokens": ["access_token"],
    }, "api": {"base_url": "{origin}/api", "headers": {"X-Client": "{client_id}"}}},
)  # fmt: skip
def the_token_revokes_itself(story: Story) -> None:
    (call,) = story.revocations
    access = story.server.grants.families[0].access_tokens[-1]
    assert (call.method, call.body) == ("POST", b"")
    assert call.headers["Authorization"] == f"Bearer {access}"
    assert call.headers["X-Client"] == story.server.client.client_id
    was_revoked(story)


@case(
    {"oauth2": {"parameter_names": {"client_id": "app_id", "client_secret": "app_secret"}},
     "revocation": {"url": "{origin}/revoke", "client_authentication": "client_secret_post",
                    "already_revoked_errors": ["already_gone"]}},
    Dialect(revocation=(400, {"error": "already_gone"})),
)  # fmt: skip
def a_grant_that_was_gone_already(story: Story) -> None:
    assert story.revocations[0].form["app_id"] == story.server.client.client_id
    assert story.revocations[0].form["app_secret"] == story.server.client.client_secret
    was_revoked(story)


@case({"revocation": {"url": "{origin}/revoke", "client_authentication": "client_id"}})
def only_the_client_named(story: Story) -> None:
    for call in story.revocations:
        assert call.form["client_id"] == story.server.client.client_id
        assert "client_secret" not in call.form
        assert "Authorization" not in call.headers
    was_revoked(story)


@case({"revocation": {"url": "{origin}/revoke", "success_check": {"path": "ok", "equals": True}}},
      Dialect(revocation=(200, {"ok": False})))  # fmt: skip
def a_revocation_that_is_not_confirmed(story: Story) -> None:
    assert story.ended is not None
    assert story.ended.revocation == "failed"
    assert "did not confirm" in story.ended.sentence
    assert urlsplit(story.revocations[0].path).path == "/revoke"
