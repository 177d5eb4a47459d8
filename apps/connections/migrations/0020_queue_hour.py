"""How long refreshes waited, hour by hour."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0019_refused_calls")]

    operations = [
        migrations.CreateModel(
            name="QueueHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("most_due", models.PositiveIntegerField(default=0)),
                ("longest_delay", models.FloatField(default=0)),
            ],
        ),
    ]
