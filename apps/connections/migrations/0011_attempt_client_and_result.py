"""The client that an authorization flow was started for, and what the flow changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0010_key_end")]

    operations = [
        migrations.AddField(
            "authorizationattempt", "client_key", models.CharField(blank=True, default="", max_length=64)
        ),
        migrations.AddField("authorizationattempt", "result", models.JSONField(default=dict)),
    ]
