"""When two grants are of one account, and what a reconnect with another or an unknown account does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest

from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.policy.accounts import Account, Sameness, compare
from apps.connections.services import connection_params, grant
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.connections.services.connection_params import tenant_in
from apps.integrations.models import Integration
from tests.authserver import AuthServer
from tests.fixtures.connections import Cast, ConnectFlow, access_token, oauth_app, tokens_of

Status = AuthorizationAttempt.Status
ALPHA, BRAVO = {"subdomain": "alpha"}, {"subdomain": "bravo"}


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        (Account("7", "Ada"), Account("7", "Ada Lovelace"), Sameness.SAME),
        (Account("7", "Ada"), Account("8", "Ada"), Sameness.OTHER),
        (Account("ada@example.com", "", ALPHA), Account("ada@example.com", "", BRAVO), Sameness.OTHER),
        (Account("ada@example.com", "", ALPHA), Account("ada@example.com", "", ALPHA), Sameness.SAME),
        (Account("", "ada"), Account("", "ada"), Sameness.SAME),
        (Account("", "ada"), Account("", "bob"), Sameness.OTHER),
        (Account("7", "ada"), Account("", "ada"), Sameness.SAME),
        (Account("7", ""), Account("", "ada"), Sameness.UNKNOWN),
        (Account("ada@example.com", "ada@example.com"), Account("7", "ada@example.com"), Sameness.SAME),
        (Account("ada@example.com", "ada@example.com"), Account("7", "new@example.com"), Sameness.UNKNOWN),
        (Account("ada@example.com", "ada@example.com"), Account("bob@example.com", "bob@example.com"), Sameness.OTHER),
        (Account("", ""), Account("", ""), Sameness.UNKNOWN),
    ],
)
def test_accounts_are_compared_within_a_tenant_by_subject_then_by_label(
    one: Account, other: Account, result: Sameness
) -> None:
    assert compare(one, other) is compare(other, one) is result


@pytest.mark.django_db
@pytest.mark.usefixtures("kinds")
def test_what_the_person_entered_chooses_the_tenant() -> None:
    keyed = Integration.objects.get(slug="keyed")
    assert tenant_in(keyed, {"origin": "http://127.0.0.1:8100", "api_domain": "x"}) == {
        "origin": "http://127.0.0.1:8100"
    }


@pytest.fixture
def tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox asks for a subdomain, which chooses the tenant."""

    def tenant(_: Integration, params: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in params.items() if name == "subdomain"}

    monkeypatch.setattr(connection_params, "tenant_in", tenant)
    monkeypatch.setattr(grant, "tenant_in", tenant)


def connect(connect_flow: ConnectFlow, cast: Cast, tenant: Mapping[str, str], **wanted: Any) -> AuthorizationAttempt:
    flow = connect_flow.begin(cast.actor("member"), **wanted)
    AuthorizationAttempt.objects.filter(pk=flow.attempt.pk).update(params=dict(tenant))
    return connect_flow.complete(flow, connect_flow.answer(flow, subject="ada"), actor=cast.actor("member"))


@pytest.mark.django_db
@pytest.mark.usefixtures("tenants")
def test_one_person_at_two_tenants_has_two_connections(connect_flow: ConnectFlow, cast: Cast) -> None:
    alpha = connect(connect_flow, cast, ALPHA).connection
    assert alpha is not None
    before = access_token(alpha)
    bravo = connect(connect_flow, cast, BRAVO).connection
    assert bravo is not None
    assert bravo.pk != alpha.pk
    assert (access_token(alpha), Connection.objects.get(pk=alpha.pk).params) == (before, ALPHA)
    again = connect(connect_flow, cast, ALPHA).connection
    assert again is not None
    assert again.pk == alpha.pk


@pytest.mark.django_db
@pytest.mark.usefixtures("tenants")
def test_a_reconnect_at_another_tenant_is_asked_about(connect_flow: ConnectFlow, cast: Cast) -> None:
    alpha = connect(connect_flow, cast, ALPHA).connection
    assert connect(connect_flow, cast, BRAVO, connection=alpha).status == Status.UNDECIDED


@pytest.mark.django_db
def test_an_account_renamed_at_the_service_stays_the_same(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection
) -> None:
    Connection.objects.update(account_label="old@sandbox.example", name="old@sandbox.example")
    flow = connect_flow.begin(cast.actor("member"))
    attempt = connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert attempt.connection_id == connection.pk
    assert Connection.objects.get().account_label == "ada@sandbox.example"


@pytest.mark.django_db
def test_a_reconnect_without_any_account_to_compare_is_asked_about(
    connect_flow: ConnectFlow, cast: Cast, connection: Connection, server: AuthServer
) -> None:
    Connection.objects.update(account_subject="", account_label="")
    server.account_down = True
    flow = connect_flow.begin(cast.actor("member"), connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert (attempt.status, attempt.pending_account["known"]) == (Status.UNDECIDED, False)
    assert tokens_of(connection).version == 1


def revocation_ends(monkeypatch: pytest.MonkeyPatch, ends: Literal["grant", "token"]) -> None:
    """Let the sandbox's data say what its revocation ends."""
    original = connection_params.provider_config

    def changed(*args: Any, **kwargs: Any) -> Any:
        provider = original(*args, **kwargs)
        assert provider.revocation is not None
        return replace(provider, revocation=replace(provider.revocation, ends=ends))

    monkeypatch.setattr(connection_params, "provider_config", changed)


@pytest.mark.django_db
def test_the_grant_of_the_replaced_account_is_revoked_and_the_message_says_so(
    connect_flow: ConnectFlow,
    cast: Cast,
    connection: Connection,
    server: AuthServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    revocation_ends(monkeypatch, "grant")
    member = cast.actor("member")
    flow = connect_flow.begin(member, connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow, subject="grace"), actor=member)
    decided = resolve_account_mismatch(actor=member, attempt=attempt, decision="replace")
    assert decided.result["ended"] == "Access as ada@sandbox.example was revoked at Sandbox."
    assert [family.revoked for family in server.grants.families] == [True, False]
    assert server.knows(access_token(connection))


@pytest.mark.django_db
def test_the_replaced_grant_is_not_revoked_while_another_connection_uses_its_account(
    connect_flow: ConnectFlow,
    cast: Cast,
    connection: Connection,
    server: AuthServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    revocation_ends(monkeypatch, "grant")
    member = cast.actor("member")
    connect_flow.connect(cast.actor("admin"))
    flow = connect_flow.begin(member, connection=connection)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow, subject="grace"), actor=member)
    decided = resolve_account_mismatch(actor=member, attempt=attempt, decision="replace")
    assert "another connection uses it" in decided.result["ended"]
    assert [family.revoked for family in server.grants.families] == [False, False, False]
    assert oauth_app().broken_since is None
