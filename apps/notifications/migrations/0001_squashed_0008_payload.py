"""Webhooks, mails and notices, as a new database starts with them."""

import uuid

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import apps.vault.fields


class Migration(migrations.Migration):
    replaces = [
        ("notifications", "0001_webhooks"),
        ("notifications", "0002_field_names"),
        ("notifications", "0003_labels"),
        ("notifications", "0004_attention_mail"),
        ("notifications", "0005_expiry_mail"),
        ("notifications", "0006_notice"),
        ("notifications", "0007_filters_headers_names"),
        ("notifications", "0008_payload"),
    ]

    initial = True

    dependencies = [
        ("teams", "0013_texts_for_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailPreference",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mail_preference",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "attention",
                    models.CharField(
                        choices=[("at_once", "At once"), ("digest", "Once a day"), ("off", "Off")],
                        default="at_once",
                        max_length=10,
                    ),
                ),
                (
                    "recovery",
                    models.CharField(
                        choices=[("at_once", "At once"), ("digest", "Once a day"), ("off", "Off")],
                        default="at_once",
                        max_length=10,
                    ),
                ),
                (
                    "expiry",
                    models.CharField(
                        choices=[("at_once", "At once"), ("digest", "Once a day"), ("off", "Off")],
                        default="at_once",
                        max_length=10,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
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
                ("url", models.URLField(max_length=1000)),
                ("description", models.CharField(blank=True, max_length=200)),
                ("events", models.JSONField(default=list)),
                (
                    "payload",
                    models.CharField(
                        choices=[
                            ("standard", "JSON, after Standard Webhooks"),
                            ("slack", "A message for Slack, Mattermost and others that take its format"),
                        ],
                        default="standard",
                        max_length=10,
                    ),
                ),
                ("is_on", models.BooleanField(default=True)),
                ("secret", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("former_secret", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("former_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("last_success_at", models.DateTimeField(null=True)),
                ("gave_up_at", models.DateTimeField(null=True)),
                ("notified_at", models.DateTimeField(null=True)),
                ("only_integrations", models.JSONField(default=list)),
                ("only_tags", models.JSONField(default=list)),
                ("headers", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("header_names", models.JSONField(default=list)),
                ("external_id", models.CharField(blank=True, default="", max_length=200)),
                ("tags", models.JSONField(default=list)),
                ("metadata", models.JSONField(default=dict)),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="teams.team"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="AttentionMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("since", models.DateTimeField()),
                ("sent_at", models.DateTimeField()),
                ("in_digest", models.BooleanField(default=False)),
                ("recovered_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("recovered_at__isnull", True)),
                        fields=["connection_id"],
                        name="attention_mail_open",
                    ),
                    models.Index(fields=["user", "-sent_at"], name="attention_mail_of_user"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "connection_id", "since"), name="one_attention_mail_per_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpiryEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(max_length=60)),
                ("ends_on", models.DateField()),
                ("days", models.PositiveSmallIntegerField()),
                ("sent_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("team", "item", "ends_on", "days"), name="one_expiry_event_per_threshold"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpiryMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(max_length=60)),
                ("ends_on", models.DateField()),
                ("days", models.PositiveSmallIntegerField()),
                ("sent_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "item", "ends_on", "days"), name="one_reminder_per_threshold"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=120)),
                ("title", models.CharField(max_length=200)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("path", models.CharField(max_length=300)),
                ("service", models.CharField(blank=True, max_length=100)),
                ("icon", models.CharField(blank=True, max_length=60)),
                ("created_at", models.DateTimeField()),
                ("read_at", models.DateTimeField(null=True)),
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
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "team", "-created_at"], name="notice_of_user"),
                    models.Index(
                        condition=models.Q(("read_at__isnull", True)), fields=["user", "team"], name="notice_unread"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("user", "key"), name="one_notice_per_event")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("event", models.CharField(max_length=60)),
                ("body", models.TextField()),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("next_try_at", models.DateTimeField(null=True)),
                ("last_try_at", models.DateTimeField(null=True)),
                ("answered", models.PositiveSmallIntegerField(null=True)),
                ("problem", models.CharField(blank=True, max_length=200)),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="notifications.webhook",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_try_at__isnull", False)), fields=["next_try_at"], name="delivery_due"
                    ),
                    models.Index(fields=["webhook", "-created_at"], name="delivery_of_webhook"),
                ],
            },
        ),
    ]
