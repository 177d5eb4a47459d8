"""The language and the date format that a person chose."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("teams", "0010_preferences")]

    operations = [
        migrations.AddField(
            "user", "language", models.CharField(blank=True, db_default="", default="", editable=False, max_length=10)
        ),
        migrations.AddField(
            "user", "date_format", models.CharField(blank=True, db_default="", default="", editable=False, max_length=10)
        ),
    ]
