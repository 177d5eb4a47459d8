"""The level of everyone on a connection's row: the database keeps it equal to the share without a member."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection as database

from apps.connections.models import Connection, ConnectionShare, Level, everyones_level
from apps.teams.models import Membership
from tests.connections.pages import make_connection, set_up_service
from tests.factories import actor_for, make_member


@pytest.fixture
def mara() -> Membership:
    return make_member()


@pytest.fixture
def connection(mara: Membership) -> Connection:
    return make_connection(mara, set_up_service(), is_shared=True)


def stored(connection: Connection) -> str:
    return Connection.objects.values_list("everyones_level", flat=True).get(pk=connection.pk)


@pytest.mark.django_db
def test_the_level_follows_each_write_to_the_share(connection: Connection, mara: Membership) -> None:
    other = make_member(mara.team).user
    ConnectionShare.objects.create(connection=connection, user=other, level=Level.MANAGE)
    assert stored(connection) == ""
    ConnectionShare.objects.bulk_create([ConnectionShare(connection=connection, level=Level.USE)])
    assert stored(connection) == "use"
    ConnectionShare.objects.filter(user=None).update(level=Level.VIEW)
    assert stored(connection) == "view"
    ConnectionShare.objects.filter(user=other).delete()
    assert stored(connection) == "view"
    ConnectionShare.objects.filter(user=None).update(user=other)
    assert stored(connection) == ""
    ConnectionShare.objects.update(user=None, level=Level.MANAGE)
    assert stored(connection) == "manage"
    ConnectionShare.objects.all().delete()
    assert stored(connection) == ""


@pytest.mark.django_db
def test_a_share_that_moves_to_another_connection_takes_the_level_along(
    connection: Connection, mara: Membership
) -> None:
    other = make_connection(mara, connection.integration, "Grace", is_shared=True)
    ConnectionShare.objects.create(connection=connection, level=Level.VIEW)
    ConnectionShare.objects.update(connection=other)
    assert (stored(connection), stored(other)) == ("", "view")


@pytest.mark.django_db
def test_saving_a_row_that_was_loaded_before_does_not_change_the_level(connection: Connection) -> None:
    ConnectionShare.objects.create(connection=connection)
    connection.save()
    assert stored(connection) == "use"
    shared = Connection.objects.get()
    ConnectionShare.objects.all().delete()
    shared.save()
    assert stored(connection) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(("whom", "sees"), [("everyone", True), ("the member", True), ("another", False)])
def test_a_member_sees_what_is_shared_with_everyone_or_with_them(
    connection: Connection, mara: Membership, whom: str, sees: bool
) -> None:
    member, other = make_member(mara.team), make_member(mara.team)
    users = {"everyone": None, "the member": member.user, "another": other.user}
    ConnectionShare.objects.create(connection=connection, user=users[whom])
    assert Connection.objects.visible_to(actor_for(member)).exists() == sees
    Connection.objects.update(is_shared=False)
    assert not Connection.objects.visible_to(actor_for(member)).exists()


@pytest.mark.django_db
def test_rows_from_before_the_column_are_filled_in(
    connection: Connection, mara: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everyones_level, "BATCH", 2)
    rows = [make_connection(mara, connection.integration, str(number), is_shared=True) for number in range(5)]
    everyones_level.stop(database)
    levels = [*Level, Level.USE, Level.VIEW]
    for row, level in zip(rows, levels, strict=True):
        ConnectionShare.objects.create(connection=row, level=level)
    ConnectionShare.objects.create(connection=connection, user=make_member(mara.team).user)
    assert {stored(row) for row in rows} == {""}
    everyones_level.fill(Connection.objects, ConnectionShare.objects)
    assert [stored(row) for row in [*rows, connection]] == [*levels, ""]
    everyones_level.keep(database)
    ConnectionShare.objects.filter(user=None).delete()
    assert {stored(row) for row in rows} == {""}


@pytest.mark.django_db
def test_an_interrupted_migration_continues() -> None:
    migration = import_module("apps.connections.migrations.0027_everyones_level")
    state = type("State", (), {"apps": apps})
    added: list[Any] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.db.migrations.AddField.database_forwards", lambda *args: added.append(args))
        editor = type("Editor", (), {"connection": database})
        migration.Migration.operations[0].database_forwards("connections", editor, state, state)
    assert not added  # the column is there already


@pytest.mark.django_db(transaction=True)
def test_the_migration_can_be_undone_and_repeated(connection: Connection) -> None:
    ConnectionShare.objects.create(connection=connection, level=Level.VIEW)
    call_command("migrate", "connections", "0001_squashed_0026_texts_for_people", verbosity=0)
    try:
        with database.cursor() as cursor:
            columns = database.introspection.get_table_description(cursor, "connections_connection")
        assert "everyones_level" not in {column.name for column in columns}
        ConnectionShare.objects.update(level=Level.MANAGE)  # as an earlier version does
    finally:
        call_command("migrate", verbosity=0)
    assert stored(connection) == "manage"
    ConnectionShare.objects.all().delete()
    assert stored(connection) == ""
