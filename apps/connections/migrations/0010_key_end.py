"""When a key ends at its service, as a person entered it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0009_connect_session_status")]

    operations = [migrations.AddField("credential", "expires_on", models.DateField(null=True))]
