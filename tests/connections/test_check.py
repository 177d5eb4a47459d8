"""*Check now*: a real call decides what the status says."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from apps import egress
from apps.audit.models import AuditEvent
from apps.connections.models import Connection, Credential, TokenSet
from apps.connections.policy.state import IN_STATE, State, state_of
from apps.connections.services import check as module
from apps.connections.services.check import CheckResult, Outcome, check
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.egress import destination
from apps.errors import NotAllowed
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.actor import Actor
from tests.authserver import AuthServer
from tests.connections.pages import share
from tests.connections.rows import make_connection, make_integration
from tests.connections.test_keys import WORKS, keyed
from tests.connections.test_keys import integration as named
from tests.factories import client_for, make_member
from tests.fixtures.connections import Cast, access_token, make_due, refresh_token
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(kinds: None, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[HttpServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    with http_server() as running:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[f"127.0.0.1:{running.port}"])
        yield running


def answers(service: HttpServer, status: int, body: bytes) -> None:
    """What the service answers from now on."""
    service.answers[:] = []
    service.will_answer(status, body)


def loaded(connection: Connection) -> Connection:
    return Connection.objects.with_details().get(pk=connection.pk)


def checked(connection: Connection, actor: Actor) -> tuple[CheckResult, Connection]:
    result = check(connection=loaded(connection), actor=actor)
    return result, loaded(connection)


def stored_unverified(service: HttpServer, cast: Cast) -> Connection:
    answers(service, 503, b"{}")
    made = keyed(service, cast, if_unchecked="store")
    assert state_of(loaded(made)) is State.UNVERIFIED
    return made


def test_a_key_stored_unverified_works_once_a_check_succeeds(service: HttpServer, cast: Cast) -> None:
    made = stored_unverified(service, cast)
    answers(service, 200, WORKS)
    result, after = checked(made, cast.actor("member"))
    assert (result.outcome, result.http_status, result.account) == (Outcome.WORKS, 200, "Fernhill Ltd")
    assert result.request == f"GET {service.url}/api/me"
    assert state_of(after) is State.WORKING
    assert AuditEvent.objects.filter(action="connection.checked", outcome="success").count() == 1


def test_a_rejected_key_needs_attention_at_once_and_recovers(service: HttpServer, cast: Cast) -> None:
    answers(service, 200, WORKS)
    made = keyed(service, cast)
    answers(service, 401, b"{}")
    result, after = checked(made, cast.actor("member"))
    assert (result.outcome, after.status, after.status_reason) == (Outcome.REJECTED, "needs_attention", "key_refused")
    answers(service, 200, WORKS)
    assert state_of(checked(made, cast.actor("member"))[1]) is State.WORKING


@pytest.mark.parametrize("status", [500, 429, 404])
def test_what_says_nothing_about_the_key_changes_nothing(service: HttpServer, cast: Cast, status: int) -> None:
    made = stored_unverified(service, cast)
    answers(service, status, b"{}")
    result, after = checked(made, cast.actor("member"))
    assert (result.outcome, state_of(after)) == (Outcome.INCONCLUSIVE, State.UNVERIFIED)


def test_a_key_replaced_during_the_check_is_not_blamed(
    service: HttpServer, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(service, 200, WORKS)
    made = keyed(service, cast)

    def replaced_meanwhile(*args: Any) -> Any:
        Credential.objects.filter(connection=made).update(replaced_at=Now())
        return verify(*args)

    verify = module.verify
    monkeypatch.setattr(module, "verify", replaced_meanwhile)
    answers(service, 401, b"{}")
    assert checked(made, cast.actor("member"))[1].status == "active"


def test_a_replaced_key_that_was_not_verified_is_unverified(service: HttpServer, cast: Cast) -> None:
    answers(service, 200, WORKS)
    made = keyed(service, cast)
    checked(made, cast.actor("member"))
    answers(service, 503, b"{}")
    key = {"api_key": secrets.token_urlsafe(24)}
    replace_key(actor=cast.actor("member"), connection=loaded(made), fields=key, if_unchecked="store")
    assert state_of(loaded(made)) is State.UNVERIFIED


def test_a_service_without_such_a_call_says_so(service: HttpServer, cast: Cast) -> None:
    made = connect_with_key(
        actor=cast.actor("member"),
        integration=named("unverifiable"),
        fields={"api_key": secrets.token_urlsafe(12)},
        params={"origin": service.url},
    )
    result, after = checked(made, cast.actor("member"))
    assert (result.outcome, state_of(after)) == (Outcome.NOTHING_TO_CALL, State.UNVERIFIED)
    assert service.received == []


def test_a_token_is_checked_by_the_account_call(server: AuthServer, cast: Cast, connection: Connection) -> None:
    result, after = checked(connection, cast.actor("member"))
    assert (result.outcome, result.account) == (Outcome.WORKS, "ada@sandbox.example")
    assert result.request == f"GET {server.url}/api/me"
    assert after.verified_at is not None


def test_a_grant_that_was_revoked_at_the_service_is_found(
    server: AuthServer, cast: Cast, connection: Connection
) -> None:
    server.grants.revoke(access_token(connection))
    assert checked(connection, cast.actor("member"))[0].outcome is Outcome.WORKS  # after a refresh
    server.grants.revoke(refresh_token(connection))
    for _ in range(2):  # the first refusal of a refresh is tried again
        result, after = checked(connection, cast.actor("member"))
        make_due(connection)
    assert (result.outcome, after.status) == (Outcome.REJECTED, "needs_attention")


def test_a_token_is_not_sent_to_addresses_that_were_changed(
    server: AuthServer, cast: Cast, connection: Connection
) -> None:
    Integration.objects.update(base_url_fingerprint="of other addresses")
    before = len(server.journal.calls)
    result, _ = checked(connection, cast.actor("member"))
    assert result.outcome is Outcome.REJECTED
    assert len(server.journal.calls) == before


def test_only_who_may_use_or_manage_it_checks(cast: Cast, connection: Connection) -> None:
    share(connection)
    assert checked(connection, cast.actor("owner"))[0].outcome is Outcome.WORKS
    with pytest.raises(NotAllowed):
        check(connection=loaded(connection), actor=cast.actor("stranger"))


def test_the_list_shows_the_result_in_place(service: HttpServer, cast: Cast) -> None:
    made = stored_unverified(service, cast)
    answers(service, 200, WORKS)
    browser = client_for(cast.member)
    page = browser.post(reverse("connections:check", args=[made.pk]), headers={"HX-Request": "true"}).content.decode()
    assert "accepted this key (HTTP status 200), as Fernhill Ltd" in page
    assert "Working" in page


def test_states_in_queries_and_in_python_agree() -> None:
    owner, service = make_member(), make_integration()
    made = make_connection(service, owner)
    TokenSet.objects.filter(connection=made).delete()
    red = make_connection(service, owner, status="needs_attention", status_reason="token_expired")
    used = make_connection(service, owner, verified_at=made.created_at)
    for connection, state in ((made, State.UNVERIFIED), (red, State.NEEDS_ATTENTION), (used, State.WORKING)):
        assert state_of(loaded(connection)) is state
        assert [each for each, query in IN_STATE.items() if Connection.objects.filter(query, pk=connection.pk)] == [
            state
        ]


def test_results_hold_no_secret(service: HttpServer, cast: Cast) -> None:
    answers(service, 200, WORKS)
    key = secrets.token_urlsafe(24)
    made = keyed(service, cast, key)
    result, _ = checked(made, cast.actor("member"))
    assert key not in json.dumps([result.detail, result.request, *AuditEvent.objects.values_list("detail", flat=True)])
