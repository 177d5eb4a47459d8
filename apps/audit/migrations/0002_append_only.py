"""Triggers that refuse UPDATE and DELETE (and TRUNCATE on PostgreSQL) on the audit log."""

from django.db import migrations

from apps.audit import append_only


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: append_only.guard(schema_editor.connection),
            lambda apps, schema_editor: append_only.lift(schema_editor.connection),
        )
    ]
