"""The database rejects changing or deleting audit events, on SQLite and on PostgreSQL."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import append_only
from apps.audit.models import AuditEvent
from apps.audit.origin import Origin
from apps.audit.services import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def event() -> AuditEvent:
    record(action="login.succeeded", origin=Origin(kind="user", id="1", label="Mara"), team_id=None)
    return AuditEvent.objects.latest("id")


def _refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_event_cannot_be_changed(event: AuditEvent) -> None:
    _refused("UPDATE audit_auditevent SET outcome = 'failure'")
    event.refresh_from_db()
    assert event.outcome == "success"


def test_an_event_cannot_be_deleted(event: AuditEvent) -> None:
    _refused("DELETE FROM audit_auditevent")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        event.delete()
    assert AuditEvent.objects.count() == 1


def test_an_event_cannot_be_replaced_and_the_table_cannot_be_truncated(event: AuditEvent) -> None:
    if connection.vendor == "postgresql":
        _refused("TRUNCATE audit_auditevent")
    else:
        columns = "id, occurred_at, actor_kind, actor_id, actor_label, action, outcome, target_type, target_id,"
        columns += " target_label, integration, workflow_id, workflow_name, run_id, user_agent, token_fp, detail"
        _refused(f"INSERT OR REPLACE INTO audit_auditevent ({columns}) SELECT {columns} FROM audit_auditevent")  # noqa: S608 - constants
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_the_guard_can_be_lifted_and_restored(event: AuditEvent) -> None:
    append_only.lift(connection)
    AuditEvent.objects.all().delete()
    append_only.guard(connection)
    assert not AuditEvent.objects.exists()
    record(action="logout", origin=Origin(kind="user", id="1", label="Mara"), team_id=None)
    _refused("DELETE FROM audit_auditevent")


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_log_in_tests_and_restores_the_guard() -> None:
    with transaction.atomic():
        record(action="logout", origin=Origin(kind="user", id="1", label="Mara"), team_id=None)
    call_command("flush", interactive=False, verbosity=0)
    assert not AuditEvent.objects.exists()
    with transaction.atomic():
        record(action="logout", origin=Origin(kind="user", id="1", label="Mara"), team_id=None)
    _refused("DELETE FROM audit_auditevent")


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_of_a_transaction_is_rejected() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(action="logout", origin=Origin(kind="user", id="1", label="Mara"), team_id=None)


@pytest.mark.django_db(transaction=True)
def test_an_event_is_logged_only_if_it_was_committed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "apps.audit")
    origin = Origin(kind="user", id="1", label="Mara")
    with transaction.atomic():
        record(action="login.succeeded", origin=origin, team_id=None)
        transaction.set_rollback(True)  # as if the disk were full at the commit
    assert "login.succeeded" not in caplog.text
    with transaction.atomic():
        record(action="login.succeeded", origin=origin, team_id=None)
        assert "login.succeeded" not in caplog.text
    assert "action=login.succeeded outcome=success" in caplog.text
