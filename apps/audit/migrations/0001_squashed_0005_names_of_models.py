"""The audit log, append-only by triggers, as a new database starts with them."""

from django.db import migrations, models

from apps.audit import append_only


class Migration(migrations.Migration):
    replaces = [
        ("audit", "0001_initial"),
        ("audit", "0002_append_only"),
        ("audit", "0003_refreshes_index"),
        ("audit", "0004_indexes_of_filters"),
        ("audit", "0005_names_of_models"),
    ]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("occurred_at", models.DateTimeField()),
                ("team_id", models.UUIDField(null=True)),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.CharField(blank=True, max_length=36)),
                ("actor_label", models.CharField(blank=True, max_length=200)),
                ("action", models.CharField(max_length=60)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("success", "Success"), ("failure", "Failure")], default="success", max_length=10
                    ),
                ),
                ("target_type", models.CharField(blank=True, max_length=40)),
                ("target_id", models.CharField(blank=True, max_length=36)),
                ("target_label", models.CharField(blank=True, max_length=250)),
                ("integration", models.CharField(blank=True, max_length=100)),
                ("workflow_id", models.CharField(blank=True, max_length=200)),
                ("workflow_name", models.CharField(blank=True, max_length=200)),
                ("run_id", models.CharField(blank=True, max_length=200)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("user_agent", models.CharField(blank=True, max_length=300)),
                ("token_fp", models.CharField(blank=True, max_length=64)),
                ("detail", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["team_id", "-id"], name="audit_team"),
                    models.Index(fields=["team_id", "integration", "-id"], name="audit_integration"),
                    models.Index(fields=["team_id", "actor_id", "-id"], name="audit_actor"),
                    models.Index(
                        condition=models.Q(("outcome", "failure")), fields=["team_id", "-id"], name="audit_failures"
                    ),
                    models.Index(
                        condition=models.Q(
                            ("action__in", ("connection.used", "connection.refreshed", "token.handed_out")),
                            _negated=True,
                        ),
                        fields=["team_id", "action", "-id"],
                        name="audit_actions",
                    ),
                    models.Index(fields=["target_id", "-id"], name="audit_target"),
                    models.Index(fields=["occurred_at"], name="audit_time"),
                    models.Index(fields=["token_fp"], name="audit_token_fp"),
                    models.Index(
                        condition=models.Q(
                            (
                                "action__in",
                                ("connection.refreshed", "connection.refresh_failed", "connection.refresh_fenced"),
                            )
                        ),
                        fields=["occurred_at"],
                        name="audit_refreshes",
                    ),
                ],
            },
        ),
        migrations.RunPython(
            lambda apps, schema_editor: append_only.guard(schema_editor.connection),
            lambda apps, schema_editor: append_only.lift(schema_editor.connection),
        ),
    ]
