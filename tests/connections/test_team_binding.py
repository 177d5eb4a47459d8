"""A connection whose row was moved to another team gives that team nothing, whatever else it allows."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from apps.connections.models import Connection, Credential, TokenSet
from apps.teams.models import ApiKey, Membership, Role
from apps.vault.errors import UnreadableSecret
from tests.connections.pages import make_connection, set_up_service
from tests.factories import make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def thief() -> Membership:
    return make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger"))


@pytest.fixture
def connection() -> Connection:
    made = make_connection(make_member(role=Role.OWNER), set_up_service())
    Credential.objects.create(
        connection=made, team=made.team, fields='{"key": "of the first team"}', created_at=timezone.now()
    )
    return made


def move(table: str, column: str, row: UUID, team: UUID) -> None:
    """What somebody with write access to the database could do."""
    with database.cursor() as cursor:
        ids = [str(pk) if database.vendor == "postgresql" else pk.hex for pk in (team, row)]
        cursor.execute(f"UPDATE {table} SET team_id = %s WHERE {column} = %s", ids)  # noqa: S608 - constants


def call(key: str, connection: Connection, path: str) -> Any:
    return Client(raise_request_exception=False).post(
        f"/api/v1/connections/{connection.pk}/{path}",
        "{}",
        "application/json",
        headers={"Authorization": f"Bearer {key}"},
    )


def test_a_token_of_a_connection_moved_to_another_team_is_not_decrypted(
    connection: Connection, thief: Membership
) -> None:
    token = connection.token_set.access_token.reveal()
    move("connections_connection", "id", connection.pk, thief.team_id)
    Connection.objects.update(is_shared=True)
    connection.shares.create(user=None, level="use")
    _, key = make_key(thief, ApiKey.Kind.SERVICE)
    for path in ("token/", "proxy/me"):
        response = call(key, connection, path)
        assert response.status_code == 500, response.content
        assert response.json()["code"] == "unreadable_secret"
        assert token not in response.content.decode()


@pytest.mark.parametrize("moved", [("connections_connection",), ("connections_tokenset",), ("connections_credential",)])
def test_connection_token_set_and_credential_must_be_of_one_team(
    connection: Connection, thief: Membership, moved: tuple[str]
) -> None:
    column = "id" if moved == ("connections_connection",) else "connection_id"
    move(moved[0], column, connection.pk, thief.team_id)
    row = Connection.objects.select_related("token_set", "credential").get(pk=connection.pk)
    readable = {"connections_tokenset": "credential", "connections_credential": "token_set"}.get(moved[0])
    for name, secret in (("token_set", row.token_set.access_token), ("credential", row.credential.fields)):
        if name == readable:
            assert secret.reveal()
            continue
        with pytest.raises(UnreadableSecret):
            secret.reveal()


def test_moving_all_rows_of_a_connection_does_not_help_either(connection: Connection, thief: Membership) -> None:
    move("connections_connection", "id", connection.pk, thief.team_id)
    move("connections_tokenset", "connection_id", connection.pk, thief.team_id)
    with pytest.raises(UnreadableSecret):
        TokenSet.objects.get(connection=connection.pk).access_token.reveal()


def test_a_secret_of_a_moved_connection_is_not_encrypted_again_for_the_new_team(
    connection: Connection, thief: Membership
) -> None:
    move("connections_connection", "id", connection.pk, thief.team_id)
    row = TokenSet.objects.get(connection=connection.pk)
    other = TokenSet(connection=row.connection, team=thief.team, obtained_at=timezone.now())
    other.access_token = row.access_token
    with pytest.raises(UnreadableSecret):
        other.save()
