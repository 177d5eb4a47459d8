"""Serializers of integrations."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.integrations.catalog.categories import CATEGORY_LABELS
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.models import Integration
from apps.integrations.redirect_uri import redirect_uri, unregistered_app
from apps.rest.fields import Flag, LabeledSerializer, QuerySerializer, Text


class IntegrationFilter(QuerySerializer):
    """The query parameters of the list, all optional."""

    search = Text(required=False, max_length=100, help_text="Words in the name or description.")
    category = serializers.ChoiceField(required=False, choices=[*CATEGORY_LABELS])
    auth_type = serializers.ChoiceField(required=False, choices=Integration.Kind.choices)
    connected = Flag(required=False, help_text="Only those with connections, or only those without.")


class IntegrationSerializer(serializers.Serializer[Integration]):
    """One service that the team can connect to."""

    id = serializers.UUIDField(read_only=True)
    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    category = serializers.CharField(read_only=True)
    auth_type = serializers.ChoiceField(choices=Integration.Kind.choices, source="kind", read_only=True)
    is_custom = serializers.SerializerMethodField(help_text="A custom API of this team, not built in.")
    is_set_up = serializers.BooleanField(read_only=True, help_text="Whether an OAuth app is registered for it.")
    is_misconfigured = serializers.BooleanField(
        read_only=True, help_text="Whether the service rejects the OAuth app, so that nothing can be connected."
    )
    is_enabled = serializers.BooleanField(read_only=True, help_text="Whether new connections can be made.")
    connections = serializers.IntegerField(
        source="connected", read_only=True, help_text="Number of its connections that the caller can see."
    )

    def get_is_custom(self, integration: Integration) -> bool:
        return integration.team_id is not None


class ScopeSerializer(serializers.Serializer[Any]):
    """A permission that can be requested from the service."""

    name = serializers.CharField()
    description = serializers.CharField()
    access = serializers.ChoiceField(choices=["read", "write", "admin"])
    default = serializers.BooleanField(help_text="Part of the smallest useful set.")
    host = serializers.CharField(
        allow_blank=True, help_text="The one of `hosts` at which it is used; empty for the base URL."
    )


class ParamSerializer(LabeledSerializer):
    """A value that the person who connects enters."""

    name = serializers.CharField()
    pattern = serializers.CharField(help_text="A regular expression that the whole value must match.")
    example = serializers.CharField()
    default = serializers.CharField(allow_blank=True)
    optional = serializers.BooleanField(help_text="Whether the value may be empty.")


class CredentialFieldSerializer(LabeledSerializer):
    """A credential that the person enters; none for services with a consent page."""

    name = serializers.CharField()
    secret = serializers.BooleanField()
    pattern = serializers.CharField(
        allow_blank=True, help_text="If known: a regular expression that the whole value must match."
    )
    example = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(allow_blank=True)


class LinksSerializer(serializers.Serializer[Any]):
    """The service's own pages; empty where it has none."""

    docs_url = serializers.CharField(allow_blank=True)
    manage_url = serializers.CharField(allow_blank=True, help_text="Where people revoke access at the service.")


class ApiHostSerializer(LabeledSerializer):
    """A further host of the service's API. `base_url` may contain placeholders of `params`."""

    name = serializers.CharField()
    base_url = serializers.CharField()


class IntegrationDetailSerializer(IntegrationSerializer):
    """One service and what is needed to connect it. Context: its catalog `entry`, `links`, offered `scopes`, and the
    `oauth_app` that the caller's team uses (unsaved if none is registered)."""

    scopes = serializers.SerializerMethodField()
    params = serializers.SerializerMethodField()
    credential_fields = serializers.SerializerMethodField(
        help_text="For services with a key: the `fields` of `POST connections/`."
    )
    hosts = serializers.SerializerMethodField(
        help_text="Further hosts of the API, called through the proxy as `proxy/@name/path`."
    )
    redirect_uri = serializers.SerializerMethodField(help_text="The redirect URI to register at the service.")
    links = serializers.SerializerMethodField()

    @extend_schema_field(ScopeSerializer(many=True))
    def get_scopes(self, integration: Integration) -> Any:
        return ScopeSerializer(self.context["scopes"], many=True).data

    @extend_schema_field(ParamSerializer(many=True))
    def get_params(self, integration: Integration) -> Any:
        return ParamSerializer(self._entry.params_from("user") if self._entry else [], many=True).data

    @extend_schema_field(CredentialFieldSerializer(many=True))
    def get_credential_fields(self, integration: Integration) -> Any:
        return CredentialFieldSerializer(self._entry.fields if self._entry else [], many=True).data

    @extend_schema_field(ApiHostSerializer(many=True))
    def get_hosts(self, integration: Integration) -> Any:
        return ApiHostSerializer(self._entry.hosts if self._entry else [], many=True).data

    @extend_schema_field(OpenApiTypes.URI)
    def get_redirect_uri(self, integration: Integration) -> str:
        return redirect_uri(self.context.get("oauth_app") or unregistered_app(integration))

    @extend_schema_field(LinksSerializer)
    def get_links(self, integration: Integration) -> Any:
        return LinksSerializer(self.context["links"] or {"docs_url": "", "manage_url": ""}).data

    @property
    def _entry(self) -> CatalogEntry | None:
        entry: CatalogEntry | None = self.context["entry"]
        return entry
