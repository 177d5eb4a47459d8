"""What a service said when it refused a refresh, and how often; calls that it answered with 401."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0006_field_names")]

    operations = [
        migrations.AddField("connection", "service_message", models.CharField(blank=True, default="", max_length=300)),
        migrations.AddField("connection", "rejected_calls", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("tokenset", "refusal_count", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("tokenset", "refused_since", models.DateTimeField(null=True)),
        migrations.AddField("tokenset", "not_before", models.DateTimeField(null=True)),
        migrations.AddField("tokenset", "sent_by", models.CharField(blank=True, default="", max_length=36)),
        migrations.AlterField(
            "authorizationattempt",
            "status",
            models.CharField(
                choices=[
                    ("pending", "Waiting for the service"),
                    ("exchanging", "Response received"),
                    ("undecided", "Another account was authorized"),
                    ("succeeded", "Connected"),
                    ("failed", "Failed"),
                    ("canceled", "Canceled"),
                ],
                default="pending",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            "firstrefresh",
            "outcome",
            models.CharField(
                choices=[
                    ("due", "Not tried yet"),
                    ("worked", "Works"),
                    ("no_refresh_token", "No refresh token"),
                    ("client_refused", "Client rejected"),
                    ("grant_refused", "Refresh token rejected"),
                    ("request_refused", "Request rejected"),
                    ("malformed", "Not a token response"),
                ],
                default="due",
                max_length=20,
            ),
        ),
    ]
