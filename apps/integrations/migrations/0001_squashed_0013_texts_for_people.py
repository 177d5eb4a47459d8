"""Services, OAuth apps, custom APIs and requests for services, as a new database starts with them."""

import uuid

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import apps.vault.fields


class Migration(migrations.Migration):
    replaces = [
        ("integrations", "0001_initial"),
        ("integrations", "0002_keep_the_last_test_of_an_oauth_app"),
        ("integrations", "0003_custom_apis"),
        ("integrations", "0004_field_names"),
        ("integrations", "0005_rename_facts_to_metadata"),
        ("integrations", "0006_labels"),
        ("integrations", "0007_own_callbacks"),
        ("integrations", "0008_service_request"),
        ("integrations", "0009_further_hosts"),
        ("integrations", "0010_operation_hosts"),
        ("integrations", "0011_revocation_version"),
        ("integrations", "0012_further_key"),
        ("integrations", "0013_texts_for_people"),
    ]

    initial = True

    dependencies = [
        ("teams", "0013_texts_for_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Integration",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("slug", models.SlugField(max_length=100, verbose_name="slug")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("oauth2", "OAuth 2.0"),
                            ("oauth2_client_credentials", "OAuth 2.0 client credentials"),
                            ("oauth1", "OAuth 1.0a"),
                            ("api_key", "API key"),
                            ("basic", "User name and password"),
                            ("none", "No authentication"),
                        ],
                        default="oauth2",
                        max_length=30,
                        verbose_name="kind",
                    ),
                ),
                ("category", models.CharField(max_length=40, verbose_name="category")),
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                (
                    "icon",
                    models.CharField(
                        blank=True,
                        help_text="Slug of the logo in Simple Icons; a monogram if empty.",
                        max_length=60,
                        verbose_name="icon",
                    ),
                ),
                (
                    "is_enabled",
                    models.BooleanField(
                        default=True, help_text="If disabled, no new connections can be made.", verbose_name="enabled"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("definition", models.JSONField(blank=True, editable=False, null=True)),
                ("base_url_fingerprint", models.CharField(blank=True, editable=False, max_length=64)),
                ("revocation_version", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                (
                    "callback",
                    models.CharField(
                        choices=[
                            ("own", "Its own"),
                            ("common", "The common one"),
                            ("nested", "Its own, at its earlier address"),
                        ],
                        default="own",
                        editable=False,
                        max_length=10,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="integrations",
                        to="teams.team",
                        verbose_name="team",
                    ),
                ),
            ],
            options={
                "verbose_name": "integration",
                "verbose_name_plural": "integrations",
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("team", None)), fields=("slug",), name="one_built_in_integration_per_slug"
                    ),
                    models.UniqueConstraint(fields=("team", "slug"), name="one_integration_per_team_and_slug"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OAuthApp",
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
                ("client_id", models.CharField(max_length=500, verbose_name="client ID")),
                ("client_secret", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                ("params", models.JSONField(blank=True, default=dict)),
                ("secret_expires_on", models.DateField(blank=True, null=True, verbose_name="secret expires on")),
                ("scopes_allowed", models.JSONField(blank=True, default=list)),
                ("overrides", models.JSONField(blank=True, default=dict)),
                ("base_url_fingerprint", models.CharField(blank=True, editable=False, max_length=64)),
                ("further_key", apps.vault.fields.EncryptedField(blank=True, editable=False, null=True)),
                (
                    "further_key_fingerprint",
                    models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
                ),
                ("notified_expiry_on", models.DateField(editable=False, null=True)),
                ("notified_expiry_days", models.SmallIntegerField(editable=False, null=True)),
                ("notified_broken_since", models.DateTimeField(editable=False, null=True)),
                ("broken_since", models.DateTimeField(editable=False, null=True)),
                ("broken_code", models.CharField(blank=True, editable=False, max_length=60)),
                ("tested_at", models.DateTimeField(editable=False, null=True)),
                ("test_result", models.CharField(blank=True, editable=False, max_length=20)),
                ("test_message", models.CharField(blank=True, editable=False, max_length=500)),
                ("circuit_failures", models.PositiveIntegerField(default=0, editable=False)),
                ("circuit_open_until", models.DateTimeField(editable=False, null=True)),
                (
                    "callback",
                    models.CharField(
                        choices=[
                            ("own", "Its own"),
                            ("common", "The common one"),
                            ("nested", "Its own, at its earlier address"),
                        ],
                        default="own",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="oauth_apps",
                        to="integrations.integration",
                        verbose_name="integration",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: for every team. A team’s own OAuth app takes precedence.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="oauth_apps",
                        to="teams.team",
                        verbose_name="team",
                    ),
                ),
            ],
            options={
                "verbose_name": "OAuth app",
                "verbose_name_plural": "OAuth apps",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("team", None)),
                        fields=("integration",),
                        name="one_operator_oauth_app_per_integration",
                        violation_error_message="This integration already has an OAuth app for every team. Change that one.",
                    ),
                    models.UniqueConstraint(
                        fields=("integration", "team"),
                        name="one_oauth_app_per_integration_and_team",
                        violation_error_message="This team already has an OAuth app for the integration. Change that one.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField()),
                ("method", models.CharField(max_length=10)),
                ("path", models.CharField(max_length=1000)),
                ("host", models.CharField(blank=True, db_default="", default="", max_length=60)),
                ("summary", models.CharField(blank=True, max_length=300)),
                ("scopes", models.JSONField(default=list)),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="operations",
                        to="integrations.integration",
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [
                    models.UniqueConstraint(fields=("integration", "position"), name="one_operation_per_position")
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("asked_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "integration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="requests",
                        to="integrations.integration",
                        verbose_name="integration",
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
            ],
            options={
                "verbose_name": "request for a service",
                "verbose_name_plural": "requests for services",
                "ordering": ["-asked_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("integration", "team", "user"), name="one_request_per_service_and_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomApi",
            fields=[
                (
                    "integration",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="custom_api",
                        serialize=False,
                        to="integrations.integration",
                    ),
                ),
                ("base_url", models.CharField(max_length=2000)),
                ("params", models.JSONField(default=list)),
                ("hosts", models.JSONField(default=list)),
                ("authentication", models.JSONField(default=dict)),
                ("filled_in", models.JSONField(default=dict)),
                ("schemes", models.JSONField(default=list)),
                ("notes", models.JSONField(default=list)),
                ("source", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
