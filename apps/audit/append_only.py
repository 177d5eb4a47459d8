"""Database triggers that reject changing or deleting audit events, by the application or in an SQL shell.

SQLite drops triggers when it rebuilds an altered table, so each later migration that alters the audit table
ends with `guard`. Deleting old events requires `lift` and `guard` in one transaction, as the tests' `flush` does.
"""

from typing import Any

REFUSAL = "The audit log is append-only."

_SQLITE_TRIGGERS = {
    "audit_refuse_update": "BEFORE UPDATE ON audit_auditevent BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
    "audit_refuse_delete": "BEFORE DELETE ON audit_auditevent BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
    # INSERT OR REPLACE deletes the old row without its DELETE trigger (https://www.sqlite.org/lang_conflict.html).
    "audit_refuse_replace": (
        "BEFORE INSERT ON audit_auditevent WHEN EXISTS (SELECT 1 FROM audit_auditevent WHERE id = NEW.id)"
        " BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    ),
}
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{refusal}' USING ERRCODE = 'restrict_violation';
END $$
"""
_POSTGRESQL_TRIGGERS = {
    "audit_refuse_change": "BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "audit_refuse_truncate": "BEFORE TRUNCATE ON audit_auditevent FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
}


def guard(connection: Any) -> None:
    """Make the audit table append-only."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION.format(refusal=REFUSAL))
        for name, body in _triggers(connection).items():
            cursor.execute(f"CREATE TRIGGER {name} {body.format(refusal=REFUSAL)}")


def lift(connection: Any) -> None:
    """Undo `guard`."""
    with connection.cursor() as cursor:
        for name in _triggers(connection):
            on = " ON audit_auditevent" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _triggers(connection: Any) -> dict[str, str]:
    return _POSTGRESQL_TRIGGERS if connection.vendor == "postgresql" else _SQLITE_TRIGGERS
