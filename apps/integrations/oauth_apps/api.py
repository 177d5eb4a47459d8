"""The REST API of a team's own OAuth app at a service: owners and admins, and service keys that may manage them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.errors import NotFound
from apps.integrations.catalog.entries import entry_of
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import takes_secret
from apps.integrations.oauth_apps.team_apps import own_app, probe_own_app, remove_own_app, save_own_app
from apps.integrations.redirect_uri import redirect_uri
from apps.rest.fields import Text, texts
from apps.rest.views import StrictAPIView, require_empty_body, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of

SCOPE = "oauth-apps:write"


class OAuthAppSerializer(serializers.Serializer[OAuthApp]):
    """A team's own OAuth app, without its secret. `redirect_uri` is the one to register at the service."""

    integration = serializers.SlugField(source="integration.slug")
    client_id = serializers.CharField()
    has_secret = serializers.SerializerMethodField()
    params = serializers.DictField(child=serializers.CharField())
    scopes_allowed = serializers.ListField(child=serializers.CharField())
    secret_expires_on = serializers.DateField(allow_null=True)
    redirect_uri = serializers.SerializerMethodField()
    is_misconfigured = serializers.SerializerMethodField(help_text="Whether the service rejects it.")
    created_at = serializers.DateTimeField()

    def get_has_secret(self, oauth_app: OAuthApp) -> bool:
        return oauth_app.client_secret is not None

    def get_redirect_uri(self, oauth_app: OAuthApp) -> str:
        return redirect_uri(oauth_app)

    def get_is_misconfigured(self, oauth_app: OAuthApp) -> bool:
        return oauth_app.broken_since is not None


class OAuthAppRequestSerializer(serializers.Serializer[Any]):
    """The values of the OAuth app. Those left out are empty, except the secret: without one, the stored one stays."""

    client_id = Text(max_length=500)
    client_secret = Text(max_length=4000, required=False, write_only=True, help_text="Never returned.")
    params = serializers.DictField(
        child=Text(max_length=300), default=dict, help_text="The service's parameters of an OAuth app, by name."
    )
    scopes_allowed = texts(default=list, help_text="The scopes that may be requested; empty: all.")
    secret_expires_on = serializers.DateField(allow_null=True, default=None)


class TestResultSerializer(serializers.Serializer[Any]):
    """Whether the service accepted client ID and secret."""

    result = serializers.ChoiceField(choices=["accepted", "refused", "unknown"])
    detail = serializers.CharField(source="sentence")


class OAuthAppView(StrictAPIView):
    """The team's own OAuth app at a built-in service."""

    required_scope = SCOPE

    @extend_schema(operation_id="integrations_oauth_app_retrieve", responses=OAuthAppSerializer)
    def get(self, request: Request, slug: str) -> Response:
        actor = actor_of(request)
        oauth_app = own_app(actor, _integration(actor, slug))
        if oauth_app is None:
            raise NotFound("This team has no OAuth app of its own at this service.")
        return Response(OAuthAppSerializer(oauth_app).data)

    @extend_schema(
        operation_id="integrations_oauth_app_update", request=OAuthAppRequestSerializer, responses=OAuthAppSerializer
    )
    def put(self, request: Request, slug: str) -> Response:
        """Register it, or replace its values. It takes precedence over the operator's app for new connections."""
        actor = actor_of(request)
        integration = _integration(actor, slug)
        oauth_app = own_app(actor, integration)
        values = validated(OAuthAppRequestSerializer(data=request.data))
        overrides = oauth_app.overrides if oauth_app else {}
        has_secret = "client_secret" in values or (oauth_app is not None and oauth_app.client_secret is not None)
        if not has_secret and takes_secret(integration, overrides):
            raise InvalidInput([("client_secret", f"Send the client secret that {integration.name} issued.")])
        saved = save_own_app(actor=actor, integration=integration, overrides=overrides, **values)
        return Response(OAuthAppSerializer(saved).data)

    @extend_schema(operation_id="integrations_oauth_app_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete it and its secret. 409 while connections depend on it; repeating the request succeeds."""
        actor = actor_of(request)
        integration = _integration(actor, slug)
        if own_app(actor, integration) is not None:
            remove_own_app(actor=actor, integration=integration)
        return Response(status=204)


class OAuthAppTestView(StrictAPIView):
    """Tests of a team's own OAuth app."""

    required_scope = SCOPE

    @extend_schema(operation_id="integrations_oauth_app_test", request=None, responses=TestResultSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Ask the service whether it accepts client ID and secret."""
        require_empty_body(request)
        actor = actor_of(request)
        return Response(TestResultSerializer(probe_own_app(actor=actor, integration=_integration(actor, slug))).data)


def _integration(actor: Actor, slug: str) -> Integration:
    """A built-in service with an OAuth app. That of a custom API is a part of the integration itself."""
    found = Integration.objects.visible_to(actor).with_slug(slug)
    if found is None or found.team_id is not None or entry_of(found) is None or not found.signs_in_through_app:
        raise NotFound("There is no such built-in service, or it needs no OAuth app.")
    return found
