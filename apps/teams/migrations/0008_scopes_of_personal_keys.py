"""Personal keys with connections:write could manage custom APIs and webhooks; that has scopes of its own now."""

from typing import Any

from django.db import migrations

GIVEN = ("integrations:write", "webhooks:write")


def give_scopes(apps: Any, schema_editor: Any) -> None:
    """The member's role decides as before, so this allows nothing new. Service keys could not do either."""
    keys = apps.get_model("teams", "ApiKey").objects.filter(kind="personal", revoked_at=None)
    for key in keys.only("scopes").iterator(chunk_size=500):
        missing = [scope for scope in GIVEN if scope not in key.scopes]
        if "connections:write" in key.scopes and missing:
            key.scopes = [*key.scopes, *missing]
            key.save(update_fields=["scopes"])


class Migration(migrations.Migration):
    dependencies = [("teams", "0007_key_rotation")]

    operations = [migrations.RunPython(give_scopes, migrations.RunPython.noop)]
