"""The site, tenant or organization that a person chooses where one grant is for several."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0015_repair_request")]

    operations = [
        migrations.AddField("connection", "site", models.CharField(blank=True, default="", max_length=255)),
        migrations.AlterField(
            "authorizationattempt",
            "status",
            models.CharField(
                choices=[
                    ("pending", "Waiting for the service"),
                    ("exchanging", "Response received"),
                    ("undecided", "Another account was authorized"),
                    ("choosing", "A site has to be chosen"),
                    ("succeeded", "Connected"),
                    ("failed", "Failed"),
                    ("canceled", "Canceled"),
                ],
                default="pending",
                max_length=12,
            ),
        ),
    ]
