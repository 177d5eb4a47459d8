"""Sessions before this stored their keys, which are bearer secrets, in clear. Everyone logs in again.

The tables are named, not the models: a dependency on the other apps, which depend on this one's user, would make it
impossible to replace this migration together with the first.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("usersessions_usersession", "django_session")


def end_all_sessions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for table in set(TABLES).intersection(schema_editor.connection.introspection.table_names()):
        schema_editor.execute(f"DELETE FROM {schema_editor.quote_name(table)}")


class Migration(migrations.Migration):
    dependencies = [("teams", "0003_labels")]

    operations = [migrations.RunPython(end_all_sessions, migrations.RunPython.noop)]
