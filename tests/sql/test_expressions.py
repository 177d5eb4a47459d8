"""One moment has one value in the database, whichever code writes it, and distinct values are found by an index."""

import ast
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import DateTimeField

from apps.connections.models import Connection, DailyUse
from apps.notifications import webhooks
from apps.notifications.models import Event, Webhook
from apps.sql import Now, distinct_values
from apps.teams.models import Role, Team
from tests.connections.rows import make_connection, make_integration
from tests.factories import actor_for, make_key, make_member
from tests.sql.conftest import Make

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite stores times as text")


def stored(table: str, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT CAST("{column}" AS TEXT) FROM "{table}" WHERE "{column}" IS NOT NULL')  # noqa: S608
        return [value for (value,) in cursor.fetchall()]


def as_python_writes_it(text: str) -> str:
    return str(datetime.fromisoformat(text))


@sqlite_only
@pytest.mark.parametrize("moment", ["2026-11-29 12:00:00", "2026-11-29 12:00:00.250", "2026-11-29 12:00:00.001"])
def test_now_on_sqlite_has_pythons_format_with_and_without_a_fraction(moment: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + Now.SQLITE.replace("%%%%", "%").replace("'NOW'", f"'{moment}'").replace("%", "%%"), []
        )
        assert cursor.fetchone()[0] == as_python_writes_it(moment)


@sqlite_only
def test_no_column_has_times_in_another_format_than_pythons() -> None:
    admin = make_member(role=Role.ADMIN)
    make_key(admin)
    make_connection(make_integration())
    issued = webhooks.create_webhook(actor=actor_for(admin), url="https://hooks.example/x", events=Event.values)
    webhooks.rotate_secret(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    webhooks.send_test(actor=actor_for(admin), webhook_id=issued.webhook.pk)
    checked = 0
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, DateTimeField):
                values = stored(model._meta.db_table, str(field.column))
                assert values == [as_python_writes_it(value) for value in values], f"{model.__name__}.{field.name}"
                checked += len(values)
    assert checked > 10


@sqlite_only
def test_the_migration_rewrites_times_that_the_database_wrote() -> None:
    migration = import_module("apps.teams.migrations.0005_one_time_format")
    team = make_member().team
    written = {
        "2026-11-29 12:00:00.250": "2026-11-29 12:00:00.250000",
        "2026-11-29 12:00:00.000": "2026-11-29 12:00:00",
    }
    for before, after in written.items():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE teams_team SET created_at = %s", [before])
        migration.rewrite_times(None, SimpleNamespace(connection=connection))
        assert stored("teams_team", "created_at") == [after]
    assert Team.objects.get(pk=team.pk).created_at == datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_time_read_from_the_database_is_equal_to_its_row() -> None:
    webhook = Webhook.objects.create(team=make_member().team, url="https://x.example/", created_at=Now())
    webhook.refresh_from_db()
    assert Webhook.objects.filter(created_at=webhook.created_at).exists()
    assert not Webhook.objects.filter(created_at__lt=webhook.created_at).exists()
    assert not Webhook.objects.filter(created_at__gt=webhook.created_at).exists()


def test_distinct_values_are_those_of_the_rows_with_the_given_values(make: Make) -> None:
    first, second = make(), make()
    for owner, workflows in ((first, "caab"), (second, "z")):
        for number, workflow in enumerate(workflows):
            DailyUse.objects.create(connection=owner, day=date(2026, 11, 1 + number), calls=ord(workflow))
    assert distinct_values(DailyUse, "calls", connection=first.pk) == [ord("a"), ord("b"), ord("c")]
    assert distinct_values(DailyUse, "calls") == [*map(ord, "abcz")]
    assert distinct_values(DailyUse, "calls", connection=make().pk) == []


def test_distinct_values_may_be_uuids_and_leave_out_null(make: Make) -> None:
    first, second = make(), make()
    found = {str(value).replace("-", "") for value in distinct_values(Connection, "id", team=first.team_id)}
    assert found == {first.pk.hex} | ({second.pk.hex} if second.team_id == first.team_id else set())
    assert distinct_values(Connection, "oauth_app", id=make(oauth_app=None).pk) == []


def test_every_module_uses_this_now_and_not_djangos() -> None:
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "config").rglob("*.py")]:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "Now" in text else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.db.models"):
                names = {alias.name for alias in node.names}
                assert "Now" not in names or path == ROOT / "apps" / "sql" / "expressions.py", path
