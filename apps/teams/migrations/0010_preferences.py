"""The time zone and the theme that a person chose."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("teams", "0009_first_steps")]

    operations = [
        migrations.AddField(
            "user", "time_zone", models.CharField(blank=True, db_default="", default="", editable=False, max_length=64)
        ),
        migrations.AddField(
            "user", "theme", models.CharField(blank=True, db_default="", default="", editable=False, max_length=5)
        ),
    ]
