"""When a check or a call last succeeded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0007_refusals_and_service_messages")]

    operations = [
        migrations.AddField("connection", "verified_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "connection",
            "status",
            models.CharField(
                choices=[
                    ("active", "Working"),
                    ("needs_attention", "Needs attention"),
                    ("disconnecting", "Disconnecting"),
                ],
                default="active",
                max_length=20,
            ),
        ),
    ]
