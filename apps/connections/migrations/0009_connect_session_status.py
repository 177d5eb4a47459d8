"""A connect session has a status of its own, and can request that the connection is shared."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q


def set_statuses(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    sessions = apps.get_model("connections", "ConnectSession").objects
    sessions.exclude(ended_at=None).update(status="connected")
    ended = Q(attempt__status__in=("failed", "canceled")) | Q(attempt=None, used_at__isnull=False)
    failed = sessions.filter(ended, status="pending").values_list("pk", flat=True)
    sessions.filter(pk__in=list(failed)).update(
        status="failed", error_code="error", error_message="It was not completed.", ended_at=models.F("expires_at")
    )


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0008_verified_at"),
    ]

    operations = [
        migrations.RenameField(model_name="connectsession", old_name="connected_at", new_name="ended_at"),
        migrations.AddField(
            model_name='connectsession',
            name='error_code',
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name='connectsession',
            name='error_message',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='connectsession',
            name='sharing_accepted',
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name='connectsession',
            name='sharing_level',
            field=models.CharField(blank=True, choices=[('use', 'Use only'), ('view', 'View'), ('manage', 'Manage')], max_length=10),
        ),
        migrations.AddField(
            model_name='connectsession',
            name='status',
            field=models.CharField(choices=[('pending', 'Waiting for the member'), ('connected', 'Connected'), ('connected_personal', 'Connected, not shared'), ('declined', 'Declined by the person, or at the service'), ('failed', 'Failed'), ('expired', 'Expired'), ('canceled', 'Canceled by a program')], default='pending', max_length=20),
        ),
        migrations.AddIndex(
            model_name='connectsession',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['expires_at'], name='connect_session_open'),
        ),
        migrations.RunPython(set_statuses, migrations.RunPython.noop, elidable=True),
    ]
