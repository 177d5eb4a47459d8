"""Prepared SQL does what the same querysets do, in each call and each thread."""

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.test.utils import CaptureQueriesContext

from apps.connections.models import Connection, DailyUse, TokenSet
from apps.sql import PreparedInsert, PreparedSelect, PreparedUpdate, param
from apps.teams.models import Team
from apps.vault.services import seal
from tests.sql.conftest import Make

pytestmark = pytest.mark.django_db
postgresql_only = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL keeps plans")

TODAY = date(2026, 11, 24)


def counted() -> tuple[QuerySet[DailyUse], dict[str, Any]]:
    rows = DailyUse.objects.filter(connection=param(DailyUse, "connection"), day=param(DailyUse, "day"))
    return rows, {"calls": F("calls") + param(DailyUse, "calls")}


def test_a_select_returns_what_the_queryset_returns_with_joins_and_annotations(make: Make) -> None:
    row = make(name="Ours").token_set
    make(name="Another")
    one = PreparedSelect(lambda: TokenSet.objects.with_everything().filter(connection=param(TokenSet, "connection")))
    one.one(connection=row.connection_id)
    with CaptureQueriesContext(connection) as queries:
        found = one.one(connection=row.connection_id)
        assert found is not None
        assert found.connection.integration.slug == row.connection.integration.slug
    assert len(queries) == 1
    assert found == row
    assert found.access_token is not None
    assert row.access_token is not None
    assert found.access_token.reveal() == row.access_token.reveal()
    expected = TokenSet.objects.with_everything().get(pk=row.pk)
    assert vars(found).keys() == vars(expected).keys()
    assert vars(found.connection).keys() == vars(expected.connection).keys()


def test_a_select_returns_the_rows_of_each_calls_values(make: Make) -> None:
    first, second = make(name="First"), make(name="Second")
    by_name = PreparedSelect(lambda: Connection.objects.filter(name=param(Connection, "name")).order_by("pk"))
    assert by_name(name="First") == [first]
    assert by_name(name="Second") == [second]
    assert by_name.one(name="Third") is None


def test_a_value_is_never_interpreted_as_sql(make: Make) -> None:
    made = make(name='it\'s 100 % "ours"; --')
    by_name = PreparedSelect(lambda: Connection.objects.filter(name=param(Connection, "name")))
    assert by_name.one(name=made.name) == made
    assert by_name(name="' OR 1=1 --") == []


def test_a_select_of_columns_returns_tuples(make: Make) -> None:
    made = make(name="Ours")
    names = PreparedSelect(
        lambda: Connection.objects.filter(pk=param(Connection, "id")).values_list("name", "is_shared")
    )
    assert names(id=made.pk) == [("Ours", made.is_shared)]


def test_two_parameters_of_one_field_have_different_names(make: Make) -> None:
    made = make(name="Ours")
    either = PreparedSelect(
        lambda: Connection.objects.filter(
            name__gte=param(Connection, "name", name="least"), name__lte=param(Connection, "name", name="most")
        )
    )
    assert either(least="N", most="P") == [made]
    assert either(least="P", most="Q") == []


def test_an_update_writes_the_matching_rows_and_returns_their_number(make: Make) -> None:
    ours, others = make(), make()
    for each in (ours, others):
        DailyUse.objects.create(connection=each, day=TODAY, calls=1)
    count = PreparedUpdate(counted)
    assert count(connection=ours.pk, day=TODAY, calls=2) == 1
    assert count(connection=ours.pk, day=TODAY, calls=3) == 1
    assert count(connection=ours.pk, day=date(2026, 11, 25), calls=1) == 0
    assert DailyUse.objects.get(connection=ours).calls == 6
    assert DailyUse.objects.get(connection=others).calls == 1


def test_a_missing_value_raises_key_error(make: Make) -> None:
    with pytest.raises(KeyError, match="calls"):
        PreparedUpdate(counted)(connection=make().pk, day=TODAY)


def test_an_update_is_rolled_back_with_its_transaction(make: Make) -> None:
    ours = make()
    DailyUse.objects.create(connection=ours, day=TODAY, calls=1)
    count = PreparedUpdate(counted)
    with transaction.atomic():
        assert count(connection=ours.pk, day=TODAY, calls=2) == 1
        transaction.set_rollback(True)
    assert DailyUse.objects.get(connection=ours).calls == 1


def test_a_failed_statement_marks_the_transaction_for_rollback(make: Make) -> None:
    ours = make()
    DailyUse.objects.create(connection=ours, day=TODAY, calls=1)
    with transaction.atomic():
        with pytest.raises((DataError, IntegrityError, OverflowError)):
            PreparedUpdate(counted)(connection=ours.pk, day=TODAY, calls=-5)
        assert connection.needs_rollback
        transaction.set_rollback(True)


def test_an_insert_writes_one_row(make: Make) -> None:
    add = PreparedInsert(DailyUse)
    ours, others = make(), make()
    add(connection_id=ours.pk, day=TODAY, calls=4, failures=1, refused=0)
    add(connection_id=others.pk, day=TODAY, calls=5, failures=0, refused=0)
    assert DailyUse.objects.get(connection=ours).calls == 4
    assert DailyUse.objects.get(connection=others).failures == 0


@pytest.mark.django_db(transaction=True)
def test_each_thread_uses_its_own_database_connection() -> None:
    team = Team.objects.create(name="Fernhill")
    by_name, seen = PreparedSelect(lambda: Team.objects.filter(name=param(Team, "name"))), dict[int, list[Team]]()
    assert by_name(name="Fernhill") == [team]

    def look(number: int) -> None:
        try:
            seen[number] = by_name(name="Fernhill") + by_name(name="Unknown's")
        finally:
            connection.close()

    threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {number: [team] for number in range(8)}


def test_times_and_ids_are_converted_like_the_orms(make: Make) -> None:
    made = make(name="Ours")
    moment = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
    Connection.objects.filter(pk=made.pk).update(last_used_at=moment)
    at = PreparedSelect(lambda: Connection.objects.filter(last_used_at=param(Connection, "last_used_at")))
    found = at.one(last_used_at=moment)
    assert found is not None
    assert (found.pk, found.last_used_at) == (made.pk, moment)


def test_an_encrypted_column_accepts_only_ciphertext(make: Make) -> None:
    row = make().token_set
    write = PreparedUpdate(
        lambda: (
            TokenSet.objects.filter(pk=param(TokenSet, "id")),
            {"access_token": param(TokenSet, "access_token")},
        )
    )
    with pytest.raises(TypeError, match="stored encrypted"):
        write(id=row.pk, access_token="in clear")
    assert write(id=row.pk, **seal(row, access_token="new")) == 1
    row.refresh_from_db()
    assert row.access_token is not None
    assert row.access_token.reveal() == "new"


def test_an_encrypted_column_rejects_a_parameter_of_another_field(make: Make) -> None:
    write = PreparedUpdate(
        lambda: (
            TokenSet.objects.filter(pk=param(TokenSet, "id")),
            {"access_token": param(TokenSet, "token_type")},
        )
    )
    with pytest.raises(TypeError, match="stored encrypted"):
        write(id=make().token_set.pk, token_type="in clear")


@postgresql_only
def test_postgresql_plans_a_statement_once_for_all_parameters(make: Make) -> None:
    named = PreparedSelect(lambda: Connection.objects.filter(name=param(Connection, "name")))
    rename = PreparedUpdate(
        lambda: (
            Connection.objects.filter(pk=param(Connection, "id")),
            {"name": param(Connection, "name")},
        )
    )
    made = make(name="one")
    for name in ("two", "three"):
        assert rename(id=made.pk, name=name) == 1
        assert named.one(name=name) == made
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement ~ 'ns_connection'"
        )
        assert cursor.fetchall() == [(2,), (2,)]
