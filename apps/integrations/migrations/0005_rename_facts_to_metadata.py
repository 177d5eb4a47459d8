"""The table `facts` of a catalog entry is called `metadata`: rename it in the definitions of custom APIs."""

from typing import Any

from django.db import migrations


def _rename(apps: Any, before: str, after: str) -> None:
    integration_model = apps.get_model("integrations", "Integration")
    for integration in integration_model.objects.exclude(definition=None).iterator():
        if before in integration.definition:
            integration.definition[after] = integration.definition.pop(before)
            integration.save(update_fields=["definition"])


def forwards(apps: Any, schema_editor: Any) -> None:
    _rename(apps, "facts", "metadata")


def backwards(apps: Any, schema_editor: Any) -> None:
    _rename(apps, "metadata", "facts")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_field_names")]

    operations = [migrations.RunPython(forwards, backwards)]
