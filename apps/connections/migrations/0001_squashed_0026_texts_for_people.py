"""Connections, their tokens, shares, attempts, sessions and counters, as a new database starts with them."""

import uuid

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import apps.vault.fields


class Migration(migrations.Migration):
    replaces = [
        ("connections", "0001_initial"),
        ("connections", "0002_hand_over_and_who_uses_what"),
        ("connections", "0003_connect_session"),
        ("connections", "0004_where_a_key_may_go"),
        ("connections", "0005_redacted_trace_and_first_refresh"),
        ("connections", "0006_field_names"),
        ("connections", "0007_refusals_and_service_messages"),
        ("connections", "0008_verified_at"),
        ("connections", "0009_connect_session_status"),
        ("connections", "0010_key_end"),
        ("connections", "0011_attempt_client_and_result"),
        ("connections", "0012_indexes_of_lists"),
        ("connections", "0013_names"),
        ("connections", "0014_lower_names"),
        ("connections", "0015_repair_request"),
        ("connections", "0016_site"),
        ("connections", "0017_order_by_name"),
        ("connections", "0018_sharing_members"),
        ("connections", "0019_refused_calls"),
        ("connections", "0020_queue_hour"),
        ("connections", "0021_bulk_jobs"),
        ("connections", "0022_revocation_version"),
        ("connections", "0023_hour_sums_and_newest_first"),
        ("connections", "0024_counted_by_index"),
        ("connections", "0025_bulk_checks_and_owners"),
        ("connections", "0026_texts_for_people"),
    ]

    initial = True

    dependencies = [
        ("integrations", "0013_texts_for_people"),
        ("teams", "0013_texts_for_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("account_subject", models.CharField(blank=True, max_length=255)),
                ("account_label", models.CharField(blank=True, max_length=255, verbose_name="account label")),
                (
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
                ("status_reason", models.CharField(blank=True, max_length=40)),
                ("service_message", models.CharField(blank=True, default="", max_length=300)),
                ("status_changed_at", models.DateTimeField()),
                ("rejected_calls", models.PositiveSmallIntegerField(default=0)),
                ("scopes_requested", models.JSONField(default=list)),
                ("scopes_granted", models.JSONField(default=list)),
                ("params", models.JSONField(default=dict)),
                ("site", models.CharField(blank=True, default="", max_length=255)),
                ("is_shared", models.BooleanField(default=False)),
                ("external_id", models.CharField(blank=True, default="", max_length=200)),
                ("tags", models.JSONField(default=list)),
                ("metadata", models.JSONField(default=dict)),
                ("handed_over_from", models.CharField(blank=True, max_length=250)),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                (
                    "handed_over_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="connections",
                        to="integrations.integration",
                    ),
                ),
                (
                    "oauth_app",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="connections",
                        to="integrations.oauthapp",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="connections",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="connections", to="teams.team"
                    ),
                ),
            ],
            options={
                "verbose_name": "connection",
                "verbose_name_plural": "connections",
                "indexes": [
                    models.Index(fields=["team", "status"], name="connection_team_status"),
                    models.Index(fields=["team", "integration", "status"], name="connection_of_service"),
                    models.Index(fields=["team", "-created_at", "-id"], name="connection_newest_first"),
                    models.Index(fields=["-created_at", "-id"], name="connection_newest_of_all"),
                    models.Index(django.db.models.functions.text.Lower("name"), name="connection_lower_name"),
                    models.Index(fields=["team", "name", "id"], name="connection_by_name"),
                    models.Index(
                        condition=models.Q(("external_id", ""), _negated=True),
                        fields=["team", "external_id"],
                        name="connection_external_id",
                    ),
                    models.Index(
                        condition=models.Q(("status_reason", ""), _negated=True),
                        fields=["status_reason", "integration"],
                        name="connection_red_reason",
                    ),
                    models.Index(
                        condition=models.Q(("status", "disconnecting")),
                        fields=["status_changed_at"],
                        name="connection_disconnecting",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QueueHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("most_due", models.PositiveIntegerField(default=0)),
                ("longest_delay", models.FloatField(default=0)),
                ("is_sampled", models.BooleanField(db_default=True, default=True)),
                ("refreshes", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("failed_refreshes", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("calls", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("failed_calls", models.PositiveBigIntegerField(db_default=0, default=0)),
                ("counted_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SchedulerHeartbeat",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("share", "Share with everyone"),
                            ("unshare", "Make personal"),
                            ("hand_over", "Hand over"),
                            ("disconnect", "Disconnect"),
                            ("check", "Check"),
                            ("refresh", "Refresh"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        blank=True, choices=[("use", "Use only"), ("view", "View"), ("manage", "Manage")], max_length=10
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "Waiting or running"), ("done", "Done"), ("canceled", "Canceled")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("asked_by_kind", models.CharField(max_length=10)),
                ("asked_by_id", models.CharField(max_length=36)),
                ("asked_by_label", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("claimed_until", models.DateTimeField(null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.apikey"
                    ),
                ),
                (
                    "new_owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["team", "-created_at", "-id"], name="bulk_job_newest_first"),
                    models.Index(
                        condition=models.Q(("status", "running")), fields=["claimed_until"], name="bulk_job_open"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("name", models.CharField(blank=True, db_default="", default="", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("done", "Done"), ("failed", "Failed")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=60)),
                ("detail", models.CharField(blank=True, max_length=500)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="connections.bulkjob"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["job", "state"], name="bulk_item_state")],
                "constraints": [
                    models.UniqueConstraint(fields=("job", "connection_id"), name="one_bulk_item_per_connection")
                ],
            },
        ),
        migrations.CreateModel(
            name="FirstRefresh",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="first_refresh",
                        serialize=False,
                        to="connections.connection",
                    ),
                ),
                (
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
                ("code", models.CharField(blank=True, max_length=60)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="AuthorizationAttempt",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("data_key", apps.vault.fields.DataKeyField(blank=True, editable=False, null=True)),
                (
                    "data_key_kid",
                    models.GeneratedField(
                        db_index=True,
                        db_persist=True,
                        expression=django.db.models.functions.text.Substr(
                            "data_key",
                            1,
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.functions.text.StrIndex("data_key", models.Value(":")),
                                "-",
                                models.Value(1),
                            ),
                        ),
                        output_field=models.CharField(max_length=80),
                    ),
                ),
                ("state_hash", models.CharField(editable=False, max_length=64, unique=True)),
                ("session_hash", models.CharField(editable=False, max_length=64)),
                ("redirect_uri", models.CharField(max_length=500)),
                ("client_key", models.CharField(blank=True, default="", max_length=64)),
                ("revocation_version", models.PositiveIntegerField(db_default=0, default=0)),
                ("code_verifier", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("scopes_requested", models.JSONField(default=list)),
                ("params", models.JSONField(default=dict)),
                (
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
                        verbose_name="status",
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_message", models.CharField(blank=True, max_length=500)),
                ("pending_tokens", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("pending_account", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("return_path", models.CharField(blank=True, max_length=500)),
                ("in_popup", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("consumed_at", models.DateTimeField(null=True)),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.integration"
                    ),
                ),
                (
                    "oauth_app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.oauthapp"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "authorization attempt",
                "verbose_name_plural": "authorization attempts",
                "indexes": [models.Index(fields=["status", "expires_at"], name="attempt_status_expiry")],
            },
        ),
        migrations.CreateModel(
            name="ConnectionShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "level",
                    models.CharField(
                        choices=[("use", "Use only"), ("view", "View"), ("manage", "Manage")],
                        default="use",
                        max_length=10,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="shares", to="connections.connection"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "user"), name="one_share_per_member"),
                    models.UniqueConstraint(
                        condition=models.Q(("user", None)),
                        fields=("connection",),
                        name="one_share_for_everyone_per_connection",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ConnectSession",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("repairs", models.BooleanField(default=False)),
                ("asked_by_kind", models.CharField(max_length=10)),
                ("asked_by_id", models.CharField(max_length=36)),
                ("asked_by_label", models.CharField(max_length=200)),
                ("scopes", models.JSONField(default=list)),
                (
                    "sharing_level",
                    models.CharField(
                        blank=True, choices=[("use", "Use only"), ("view", "View"), ("manage", "Manage")], max_length=10
                    ),
                ),
                ("sharing_members", models.JSONField(default=list)),
                ("sharing_accepted", models.BooleanField(null=True)),
                ("external_id", models.CharField(blank=True, default="", max_length=200)),
                ("tags", models.JSONField(default=list)),
                ("metadata", models.JSONField(default=dict)),
                ("return_url", models.CharField(blank=True, max_length=500)),
                ("login_hint", models.CharField(blank=True, max_length=200)),
                ("token_hash", models.CharField(editable=False, max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for the member"),
                            ("connected", "Connected"),
                            ("connected_personal", "Connected, not shared"),
                            ("declined", "Declined by the person, or at the service"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("canceled", "Canceled by a program"),
                        ],
                        default="pending",
                        max_length=20,
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_message", models.CharField(blank=True, max_length=500)),
                ("ended_at", models.DateTimeField(null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "attempt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="connections.authorizationattempt",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="connections.connection",
                    ),
                ),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.integration"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created_at"], name="connect_session_age"),
                    models.Index(
                        condition=models.Q(("status", "pending")), fields=["expires_at"], name="connect_session_open"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("data_key", apps.vault.fields.DataKeyField(blank=True, editable=False, null=True)),
                (
                    "data_key_kid",
                    models.GeneratedField(
                        db_index=True,
                        db_persist=True,
                        expression=django.db.models.functions.text.Substr(
                            "data_key",
                            1,
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.functions.text.StrIndex("data_key", models.Value(":")),
                                "-",
                                models.Value(1),
                            ),
                        ),
                        output_field=models.CharField(max_length=80),
                    ),
                ),
                ("fields", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(null=True)),
                ("base_url_fingerprint", models.CharField(blank=True, max_length=64)),
                ("checked_at", models.DateTimeField(null=True)),
                ("expires_on", models.DateField(null=True)),
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="credential",
                        to="connections.connection",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DailyUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("calls", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="daily_use",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "day"), name="one_row_per_connection_and_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="RepairRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message", models.CharField(blank=True, max_length=200)),
                ("asked_at", models.DateTimeField()),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="repair_requests",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["connection", "-asked_at"], name="repair_request_of")],
            },
        ),
        migrations.CreateModel(
            name="ScopeUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=300)),
                ("last_used_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scope_use",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "scope"), name="one_row_per_connection_and_scope")
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenSet",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("data_key", apps.vault.fields.DataKeyField(blank=True, editable=False, null=True)),
                (
                    "data_key_kid",
                    models.GeneratedField(
                        db_index=True,
                        db_persist=True,
                        expression=django.db.models.functions.text.Substr(
                            "data_key",
                            1,
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.functions.text.StrIndex("data_key", models.Value(":")),
                                "-",
                                models.Value(1),
                            ),
                        ),
                        output_field=models.CharField(max_length=80),
                    ),
                ),
                ("access_token", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("refresh_token", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("kept_secrets", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("token_type", models.CharField(default="bearer", max_length=40)),
                ("access_token_fp", models.CharField(blank=True, max_length=64)),
                ("client_key", models.CharField(blank=True, max_length=64)),
                ("revocation_version", models.PositiveIntegerField(db_default=0, default=0)),
                ("obtained_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("version", models.PositiveBigIntegerField(default=1)),
                ("lease_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent_token_fp", models.CharField(blank=True, max_length=64)),
                ("unresolved_sends", models.PositiveSmallIntegerField(default=0)),
                ("sent_by", models.CharField(blank=True, default="", max_length=36)),
                ("next_refresh_at", models.DateTimeField(null=True)),
                ("not_before", models.DateTimeField(null=True)),
                ("dispatched_until", models.DateTimeField(null=True)),
                ("failure_count", models.PositiveIntegerField(default=0)),
                ("last_failure", models.CharField(blank=True, max_length=60)),
                ("last_failure_at", models.DateTimeField(null=True)),
                ("refusal_count", models.PositiveSmallIntegerField(default=0)),
                ("refused_since", models.DateTimeField(null=True)),
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="token_set",
                        to="connections.connection",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_refresh_at__isnull", False)),
                        fields=["next_refresh_at"],
                        name="token_set_due",
                    ),
                    models.Index(
                        condition=models.Q(("unresolved_sends__gt", 0)),
                        fields=["unresolved_sends"],
                        name="token_set_interrupted",
                    ),
                    models.Index(
                        condition=models.Q(("dispatched_until__isnull", False)),
                        fields=["dispatched_until"],
                        name="token_set_dispatched",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TraceEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("attempt_id", models.UUIDField(null=True)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("at", models.DateTimeField()),
                ("what", models.CharField(max_length=30)),
                ("method", models.CharField(max_length=10)),
                ("url", models.CharField(max_length=500)),
                ("authentication", models.CharField(blank=True, max_length=250)),
                ("parameters", models.JSONField(default=list)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("content_type", models.CharField(blank=True, max_length=110)),
                ("size", models.PositiveIntegerField(default=0)),
                ("fields", models.JSONField(default=list)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("milliseconds", models.PositiveIntegerField(default=0)),
                (
                    "connection",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="trace_entries",
                        to="connections.connection",
                    ),
                ),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.integration"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [
                    models.Index(fields=["connection", "-at"], name="trace_connection_at"),
                    models.Index(fields=["integration", "-at"], name="trace_integration_at"),
                    models.Index(fields=["at"], name="trace_at"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkflowUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workflow_id", models.CharField(max_length=200)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("last_used_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="workflows",
                        to="connections.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "workflow_id"), name="one_row_per_connection_and_workflow"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkflowCaller",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller_id", models.UUIDField()),
                ("last_used_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "use",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="callers",
                        to="connections.workflowuse",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["caller_id"], name="workflow_caller")],
                "constraints": [
                    models.UniqueConstraint(fields=("use", "caller_id"), name="one_row_per_workflow_and_caller")
                ],
            },
        ),
    ]
