"""Token sets note which client their tokens were given to. Those that stand belong to the client that their app is."""

import hashlib
import json

from django.db import migrations, models


def note_clients(apps, schema_editor):
    token_sets = apps.get_model("connections", "TokenSet").objects
    for oauth_app in apps.get_model("integrations", "OAuthApp").objects.only("client_id", "params"):
        parts = json.dumps([oauth_app.client_id, oauth_app.params], sort_keys=True)
        key = hashlib.sha256(parts.encode()).hexdigest()
        token_sets.filter(connection__oauth_app=oauth_app.pk).update(client_key=key)


class Migration(migrations.Migration):

    dependencies = [
        ("connections", "0002_beats_and_interrupted"),
        ("integrations", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="tokenset",
            name="client_key",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.RunPython(note_clients, migrations.RunPython.noop),
    ]
