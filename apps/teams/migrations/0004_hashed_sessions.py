"""Sessions before this stored their keys, which are bearer secrets, in clear. Everyone logs in again."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def end_all_sessions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("usersessions", "UserSession").objects.all().delete()
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0003_labels"),
        ("sessions", "0001_initial"),
        ("usersessions", "0001_initial"),
    ]

    operations = [migrations.RunPython(end_all_sessions, migrations.RunPython.noop)]
