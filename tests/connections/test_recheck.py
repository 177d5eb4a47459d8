"""What was checked before a request to the service is checked again in the transaction that stores its result."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps import egress
from apps.connections.errors import AttemptError, AttemptSettled, CallbackRejected
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import attempt_expiry, credentials, exchange
from apps.connections.services.credentials import connect_with_key
from apps.connections.services.verification import Checked
from apps.egress import destination
from apps.errors import NotAllowed, NotFound
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.models import Membership, Role, Team
from tests.authserver import AuthServer
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, actions

pytestmark = pytest.mark.django_db
Status = AuthorizationAttempt.Status


@pytest.fixture
def during_exchange(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Run a function after the service's token response, before it is stored."""

    def patch(change: Callable[[], Any]) -> None:
        original = exchange._exchange

        def exchange_and_change(*args: Any, **named: Any) -> Any:
            response = original(*args, **named)
            change()
            return response

        monkeypatch.setattr(exchange, "_exchange", exchange_and_change)

    return patch


def revoked(server: AuthServer) -> list[bool]:
    return [family.revoked for family in server.grants.families]


def test_a_member_removed_during_the_exchange_gets_no_connection_and_the_grant_is_revoked(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    during_exchange(Membership.objects.filter(pk=cast.member.pk).delete)
    with pytest.raises(CallbackRejected, match="no longer a member"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (Connection.objects.count(), revoked(server)) == (0, [True])
    assert AuthorizationAttempt.objects.get().status == Status.FAILED


def test_a_team_closed_during_the_exchange_stores_nothing_and_the_grant_is_revoked(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    during_exchange(Team.objects.filter(pk=cast.team.pk).delete)
    with pytest.raises(AttemptSettled, match="The team was closed"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (Connection.objects.count(), revoked(server)) == (0, [True])
    assert actions("authorization.failed") == ["authorization.failed"]


def test_the_page_says_that_the_team_was_closed(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    browser = client_for(cast.member)
    flow = connect_flow.begin(cast.actor("member"), session_key=browser.session.session_key or "")
    during_exchange(Team.objects.filter(pk=cast.team.pk).delete)
    response = browser.get("/oauth/callback", connect_flow.answer(flow))
    assert response.status_code == 400
    assert "The team was closed meanwhile" in response.content.decode()


def test_an_integration_deleted_during_the_exchange_stores_nothing_and_revokes(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    during_exchange(Integration.objects.filter(pk=connect_flow.integration.pk).delete)
    with pytest.raises(AttemptSettled, match="The integration was deleted"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (Connection.objects.count(), revoked(server)) == (0, [True])


def test_a_member_who_loses_the_right_to_manage_during_a_reconnect_changes_nothing(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, connection: Connection, during_exchange: Any
) -> None:
    admin = cast.actor("admin")
    flow = connect_flow.begin(admin, connection=connection)
    during_exchange(lambda: Membership.objects.filter(pk=cast.admin.pk).update(role=Role.MEMBER))
    with pytest.raises(CallbackRejected, match="no longer manage"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=admin)
    assert Connection.objects.get().token_set.version == 1


def test_an_exchange_whose_process_died_is_settled_as_interrupted(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    flow = connect_flow.begin(cast.actor("member"))
    during_exchange(die)
    with pytest.raises(KeyboardInterrupt):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    AuthorizationAttempt.objects.update(consumed_at=Now() - timedelta(seconds=50))
    assert attempt_expiry.expire_attempts() == 0, "the exchange may still be in progress"
    AuthorizationAttempt.objects.update(consumed_at=Now() - timedelta(seconds=61))
    assert attempt_expiry.expire_attempts() == 1
    attempt = AuthorizationAttempt.objects.get()
    assert (attempt.status, attempt.error_code) == (Status.FAILED, "attempt_interrupted")
    assert "Sandbox may list the access as granted" in attempt.error_message


def test_an_exchange_that_ends_after_it_was_settled_as_interrupted_revokes_its_grant(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, during_exchange: Any
) -> None:
    def settle() -> None:
        AuthorizationAttempt.objects.update(consumed_at=Now() - timedelta(minutes=2))
        attempt_expiry.expire_attempts()

    flow = connect_flow.begin(cast.actor("member"))
    during_exchange(settle)
    with pytest.raises(AttemptError):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (Connection.objects.count(), revoked(server)) == (0, [True])


@pytest.fixture
def during_verification(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Run a function when the service has verified a key, before it is stored."""

    def patch(change: Callable[[], Any]) -> None:
        def verify(*_: Any) -> Checked:
            change()
            return Checked(subject="7", label="Ada", status=200)

        monkeypatch.setattr(credentials, "verify", verify)
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=["127.0.0.1:8100"])

    return patch


def connect_keyed(cast: Cast) -> Connection:
    return connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(slug="keyed"),
        fields={"account": "acme", "region": "eu", "api_key": "secret-of-ada"},
        params={"origin": "http://127.0.0.1:8100"},
    )


def remove_member(cast: Cast) -> None:
    Membership.objects.filter(pk=cast.member.pk).delete()


def close_team(cast: Cast) -> None:
    Team.objects.filter(pk=cast.team.pk).delete()


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize(("change", "error"), [(remove_member, NotAllowed), (close_team, NotFound)])
def test_a_key_is_not_stored_if_access_ended_during_its_verification(
    cast: Cast, during_verification: Any, change: Callable[[Cast], None], error: type[Exception]
) -> None:
    during_verification(lambda: change(cast))
    with pytest.raises(error, match="nothing was stored"):
        connect_keyed(cast)
    assert not Connection.objects.exists()


@pytest.mark.usefixtures("kinds")
def test_a_key_is_stored_if_nothing_changed(cast: Cast, during_verification: Any) -> None:
    during_verification(lambda: None)
    assert connect_keyed(cast).account_label == "Ada"
