"""`Specway-Retry-On` and `Specway-Follow-Redirects`, against real servers."""

import pytest

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from tests.connections.test_api import Caller
from tests.gateway import test_named_hosts, test_proxy
from tests.gateway.test_proxy import body_of, proxied
from tests.servers import HttpServer, http_server

# Retries and redirects are decided from the call's options and the service's answers.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.same_on_each_database]
api, connection, mine = test_proxy.api, test_proxy.connection, test_proxy.mine
kind_api, uploads, several = test_proxy.kind_api, test_named_hosts.uploads, test_named_hosts.connection


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.gateway.proxy.call._backoff", lambda attempt: 0.0)


def follow(times: int = 5, **more: str) -> dict[str, str]:
    return {"Specway-Follow-Redirects": str(times), **more}


def test_a_call_is_retried_after_the_named_statuses_only(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(500, b"")
    api.will_answer(503, b"")
    headers = {"Specway-Retries": "3", "Specway-Retry-On": "500, 502"}
    assert proxied(mine, connection, headers=headers).status_code == 503
    assert len(api.received) == 2
    assert not {name for name in api.received[0].headers if name.lower().startswith("specway")}


@pytest.mark.parametrize(
    "headers",
    [
        {"Specway-Retry-On": "500"},
        {"Specway-Retries": "0", "Specway-Retry-On": "500"},
        {"Specway-Retries": "1", "Specway-Retry-On": "404"},
        {"Specway-Retries": "1", "Specway-Retry-On": "200,500"},
        {"Specway-Retries": "1", "Specway-Retry-On": ""},
        {"Specway-Retries": "1", "Specway-Retry-On": "500;502"},
        {"Specway-Retries": "1", "Specway-Retry-On": "0500"},
        {"Specway-Follow-Redirects": "6"},
        {"Specway-Follow-Redirects": "yes"},
    ],
)
def test_bad_options_are_refused_before_the_call(
    api: HttpServer, connection: Connection, mine: Caller, headers: dict[str, str]
) -> None:
    answer = proxied(mine, connection, headers=headers)
    assert (answer.status_code, answer["Specway-Error"]) == (400, "validation_error")
    assert api.received == []


def test_redirects_within_the_api_are_followed_and_recorded(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(302, b"", Location="next?x=1#part")
    api.will_answer(301, b"", Location=f"{api.url}/v2/last")
    api.will_answer(200, b"here")
    answer = proxied(mine, connection, "a/b", headers=follow())
    assert (answer.status_code, body_of(answer)) == (200, b"here")
    assert [call.path for call in api.received] == ["/v2/a/b", "/v2/a/next?x=1", "/v2/last"]
    assert len({call.headers["Authorization"] for call in api.received}) == 1
    events = AuditEvent.objects.filter(action="connection.used").order_by("pk")
    assert [event.detail["path"] for event in events] == ["/a/b", "/a/next", "/last"]
    assert len({event.detail["call"] for event in events}) == 1


def test_redirects_are_returned_by_default_and_beyond_the_limit(
    api: HttpServer, connection: Connection, mine: Caller
) -> None:
    api.will_answer(302, b"", Location="again")
    assert proxied(mine, connection).status_code == 302
    assert len(api.received) == 1
    answer = proxied(mine, connection, headers=follow(2))
    assert (answer.status_code, len(api.received)) == (302, 4)
    assert answer["Location"].endswith("/proxy/again")


@pytest.mark.parametrize("location", ["{other}/v2/x", "{api}/elsewhere", "//evil.example/v2", "/v2/../../x"])
def test_a_redirect_out_of_the_api_is_left_to_the_caller(
    api: HttpServer, connection: Connection, mine: Caller, location: str
) -> None:
    with http_server() as other:
        other.will_answer(200, b"")
        api.will_answer(302, b"", Location=location.format(other=other.url, api=api.url))
        assert proxied(mine, connection, headers=follow()).status_code == 302
        assert other.received == []
    assert len(api.received) == 1


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", ("GET", b"")),
        (302, "POST", ("GET", b"")),
        (303, "PUT", ("GET", b"")),
        (303, "HEAD", ("HEAD", b"")),
        (302, "PUT", ("PUT", b"body")),
        (307, "POST", ("POST", b"body")),
        (308, "PATCH", ("PATCH", b"body")),
    ],
)
def test_method_and_body_follow_the_status(
    api: HttpServer, connection: Connection, mine: Caller, status: int, method: str, expected: tuple[str, bytes]
) -> None:
    api.will_answer(status, b"", Location="next")
    api.will_answer(200, b"")
    data = b"" if method == "HEAD" else b"body"
    assert proxied(mine, connection, "x", method, data=data, headers=follow()).status_code == 200
    last = api.received[-1]
    assert (last.method, last.body) == expected
    assert ("Content-Type" in last.headers) == (expected[1] != b"")


def test_a_streamed_body_is_not_sent_twice(api: HttpServer, connection: Connection, mine: Caller) -> None:
    api.will_answer(307, b"", Location="next")
    api.will_answer(200, b"")
    large = b"x" * 1_100_000
    assert proxied(mine, connection, "x", "POST", data=large, headers=follow()).status_code == 307
    assert len(api.received) == 1


def test_a_redirect_to_a_named_host_is_followed_with_the_same_credentials(
    several: Connection, kind_api: HttpServer, uploads: HttpServer, mine: Caller
) -> None:
    kind_api.answers.clear()
    kind_api.will_answer(307, b"", Location=f"{uploads.url}/upload/session?id=1")
    assert proxied(mine, several, headers=follow()).status_code == 200
    (call,) = uploads.received
    assert (call.path, call.headers["Authorization"]) == ("/upload/session?id=1", "Token key-of-ada")
