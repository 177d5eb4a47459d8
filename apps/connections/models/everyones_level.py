"""The level that everyone in the team has on a connection, on the connection's own row, and the triggers that keep it.

It is the level of the share without a member. A list of a team's connections would look up the shares of each of them
otherwise. Triggers, because a version of the product that does not know the column may run beside this one.
"""

from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    # The types of assignment and access: CharField is generic in the stubs only.
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField

_SQLITE_TRIGGERS = {
    "everyones_level_insert": (
        "AFTER INSERT ON connections_connectionshare WHEN NEW.user_id IS NULL BEGIN"
        " UPDATE connections_connection SET everyones_level = NEW.level WHERE id = NEW.connection_id; END"
    ),
    "everyones_level_delete": (
        "AFTER DELETE ON connections_connectionshare WHEN OLD.user_id IS NULL BEGIN"
        " UPDATE connections_connection SET everyones_level = '' WHERE id = OLD.connection_id; END"
    ),
    "everyones_level_update": (
        "AFTER UPDATE ON connections_connectionshare WHEN OLD.user_id IS NULL OR NEW.user_id IS NULL BEGIN"
        " UPDATE connections_connection SET everyones_level = '' WHERE id = OLD.connection_id AND OLD.user_id IS NULL;"
        " UPDATE connections_connection SET everyones_level = NEW.level"
        " WHERE id = NEW.connection_id AND NEW.user_id IS NULL; END"
    ),
}
# The schema is that of the tables: a restore of the data alone sets none.
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION connections_everyones_level() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.user_id IS NULL THEN
    UPDATE connections_connection SET everyones_level = '' WHERE id = OLD.connection_id AND everyones_level <> '';
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.user_id IS NULL THEN
    UPDATE connections_connection SET everyones_level = NEW.level WHERE id = NEW.connection_id;
  END IF;
  RETURN NULL;
END $$
"""
_POSTGRESQL_TRIGGERS = {
    f"everyones_level_{event}": (
        f"AFTER {event.upper()} ON connections_connectionshare FOR EACH ROW WHEN ({condition})"
        " EXECUTE FUNCTION connections_everyones_level()"
    )
    for event, condition in (
        ("insert", "NEW.user_id IS NULL"),
        ("delete", "OLD.user_id IS NULL"),
        ("update", "OLD.user_id IS NULL OR NEW.user_id IS NULL"),
    )
}
# Connections whose rows are locked at a time while the column is filled.
BATCH = 200


class EveryonesLevelField(_CharField):
    """A column that only the triggers write: `save()` of a row that was loaded earlier keeps the database's value."""

    def pre_save(self, row: models.Model, add: bool) -> Any:
        return super().pre_save(row, add) if add else models.F(self.attname)


def keep(connection: Any) -> None:
    """Create the triggers, or replace them."""
    stop(connection)
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:
            cursor.execute(_POSTGRESQL_FUNCTION)
        for name, body in (_POSTGRESQL_TRIGGERS if is_postgresql else _SQLITE_TRIGGERS).items():
            cursor.execute(f"CREATE TRIGGER {name} {body}")


def stop(connection: Any) -> None:
    """Undo `keep`."""
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        for name in _POSTGRESQL_TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{' ON connections_connectionshare' if is_postgresql else ''}")
        if is_postgresql:
            cursor.execute("DROP FUNCTION IF EXISTS connections_everyones_level()")


def fill(connections: Any, shares: Any) -> None:
    """Set the column of all rows from their shares; the arguments are the managers of both models.

    The rows of a batch are locked, as by `services.share` before it changes shares, and each batch is a transaction.
    """
    of_everyone = shares.filter(user=None)
    level = models.Subquery(of_everyone.filter(connection=models.OuterRef("pk")).order_by().values("level")[:1])
    now, last = Coalesce(level, models.Value("")), 0
    while batch := list(of_everyone.filter(pk__gt=last).order_by("pk").values_list("pk", "connection")[:BATCH]):
        rows = connections.filter(pk__in=[connection for _, connection in batch])
        with transaction.atomic():
            list(rows.select_for_update().order_by("pk").values_list("pk"))
            rows.exclude(everyones_level=now).update(everyones_level=now)
        last = batch[-1][0]
