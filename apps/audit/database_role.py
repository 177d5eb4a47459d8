"""The product's role in PostgreSQL: it may add audit events, and neither change them nor switch off their triggers.

Both need a second role that owns the tables (MIGRATION_DATABASE_URL). SQLite has no roles.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError, connections

from apps.audit.models import AuditEvent

_TOO_STRONG = """
SELECT rolsuper,
       pg_has_role(current_user, class.relowner, 'USAGE'),
       has_table_privilege(current_user, class.oid, 'UPDATE, DELETE, TRUNCATE'),
       has_schema_privilege(current_user, class.relnamespace, 'CREATE')
FROM pg_roles, pg_class AS class
WHERE rolname = current_user AND class.oid = to_regclass(%s)
"""
_WHY = ("is a superuser", "owns the audit log", "may change or delete audit events", "may create tables")


def grant_product_role(role: str) -> None:
    """Let `role` read and write every table, but only read and add audit events. Run by the tables' owner."""
    connection = connections["default"]
    name, events, applied = map(connection.ops.quote_name, (role, AuditEvent._meta.db_table, "django_migrations"))
    statements = (
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {events} FROM {name}",
        f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {applied} FROM {name}",
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {name}",
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def why_too_strong() -> list[str]:
    """What the role of the current connection may do and need not; empty on other databases than PostgreSQL."""
    connection = connections["default"]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TOO_STRONG, [AuditEvent._meta.db_table])
        row = cursor.fetchone() or ()
    return [why for why, holds in zip(_WHY, row, strict=False) if holds]


@register(Tags.database)
def check_database_role(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """The product's role cannot change the audit log. Runs with `check --database default`."""
    if "default" not in (databases or ()) or connections["default"].settings_dict.get("IS_MIGRATION_ROLE"):
        return []
    try:
        reasons = why_too_strong()
    except DatabaseError:
        return []
    if not reasons:
        return []
    return [
        Warning(
            f"The database role of DATABASE_URL {', '.join(reasons)}: it could remove entries from the audit log.",
            hint="Use a role without these rights, and set MIGRATION_DATABASE_URL (docs/operations.md).",
            id="audit.W001",
        )
    ]
