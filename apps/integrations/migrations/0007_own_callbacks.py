"""Which callback each custom API and OAuth app uses.

Custom APIs with a client keep the address below the common callback at which they are registered. Apps of built-in
services keep the common callback, except for a team's app with a host of its own, which redirect_uri.py decides.
"""

from typing import Any

from django.db import migrations, models

_CHOICES = [("own", "Its own"), ("common", "The common one"), ("nested", "Its own, at its earlier address")]


def forwards(apps: Any, schema_editor: Any) -> None:
    integration_model = apps.get_model("integrations", "Integration")
    oauth_app_model = apps.get_model("integrations", "OAuthApp")
    custom = integration_model.objects.exclude(team=None)
    registered = oauth_app_model.objects.values("integration")
    custom.filter(pk__in=registered).update(callback="nested")
    custom.filter(uses_common_callback=True).update(callback="common")
    oauth_app_model.objects.filter(integration__team=None).update(callback="common")


def backwards(apps: Any, schema_editor: Any) -> None:
    apps.get_model("integrations", "Integration").objects.filter(callback="common").update(uses_common_callback=True)


class Migration(migrations.Migration):
    dependencies = [("integrations", "0006_labels")]

    operations = [
        migrations.AddField(
            "Integration", "callback", models.CharField(choices=_CHOICES, default="own", editable=False, max_length=10)
        ),
        migrations.AddField(
            "OAuthApp", "callback", models.CharField(choices=_CHOICES, default="own", editable=False, max_length=10)
        ),
        migrations.RunPython(forwards, backwards),
        migrations.RemoveField("Integration", "uses_common_callback"),
    ]
