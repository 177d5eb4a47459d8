"""The level of everyone in the team on the connection's row, which triggers keep.

Safe on a large table while another version of the product runs: the column has a constant default, so that no row is
rewritten for it; the triggers are created before the rows are filled in; and 200 rows at a time are locked and filled
in, each time in a transaction of its own. After an interruption, `migrate` continues. On SQLite, the triggers are
created after all migrations (see apps/connections/receivers.py), because it cannot alter a table that they refer to.
"""

from typing import Any

from django.db import migrations

from apps.connections.models import everyones_level


class AddColumn(migrations.AddField):
    """Adds the column unless an interrupted migration did."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            columns = schema_editor.connection.introspection.get_table_description(cursor, table)
        if self.name not in {column.name for column in columns}:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def keep_and_fill(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        everyones_level.keep(schema_editor.connection)
    models = (apps.get_model("connections", name) for name in ("Connection", "ConnectionShare"))
    everyones_level.fill(*(model.objects for model in models))


def stop(apps: Any, schema_editor: Any) -> None:
    everyones_level.stop(schema_editor.connection)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("connections", "0026_texts_for_people")]

    operations = [
        AddColumn(
            model_name="connection",
            name="everyones_level",
            field=everyones_level.EveryonesLevelField(
                blank=True, db_default="", default="", editable=False, max_length=10
            ),
        ),
        migrations.RunPython(keep_and_fill, stop),
    ]
