"""The REST API of integrations: what this team can connect to."""

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.services.listed_integrations import Totals, listable, totals_for, with_counts
from apps.errors import NotFound
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.provider_config import links
from apps.integrations.custom_apis import api
from apps.integrations.custom_apis.serializers import (
    CustomApiChangeSerializer,
    CustomApiSerializer,
    NewCustomApiSerializer,
)
from apps.integrations.models import Integration, IntegrationQuerySet
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.oauth_apps.services import oauth_app_for
from apps.integrations.redirect_uri import unregistered_app
from apps.integrations.serializers import IntegrationDetailSerializer, IntegrationFilter, IntegrationSerializer
from apps.rest.pagination import Pages, page_of
from apps.rest.views import StrictAPIView
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent


class BySlug(Pages):
    ordering = ("slug", "id")


class IntegrationListView(StrictAPIView):
    """What this team can connect to."""

    required_scopes = {"GET": "connections:read", "POST": "integrations:write"}
    filters = IntegrationFilter
    pagination_class = BySlug

    @extend_schema(
        operation_id="integrations_list",
        parameters=[IntegrationFilter],
        responses=IntegrationSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        totals = totals_for(actor)
        return page_of(
            self, self._rows(actor, totals), IntegrationSerializer, prepare=lambda rows: with_counts(rows, totals)
        )

    def _rows(self, actor: Actor, totals: Totals) -> IntegrationQuerySet:
        filters = self.query
        rows = listable(actor, totals)
        for word in filters.get("search", "").split():
            rows = rows.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word))
        if category := filters.get("category"):
            rows = rows.filter(category=category)
        if kind := filters.get("auth_type"):
            rows = rows.filter(kind=kind)
        connected = filters.get("connected")
        if connected is not None:
            has_connections = Q(pk__in=list(totals))
            rows = rows.filter(has_connections if connected else ~has_connections)
        return rows

    @extend_schema(
        operation_id="integrations_create", request=NewCustomApiSerializer, responses={201: CustomApiSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a custom API (owners and admins)."""
        return api.create(request)


class IntegrationDetailView(StrictAPIView):
    """One service with its scopes, parameters and redirect URI."""

    required_scopes = {"GET": "connections:read", "PATCH": "integrations:write", "DELETE": "integrations:write"}

    @extend_schema(responses=IntegrationDetailSerializer, operation_id="integrations_retrieve")
    def get(self, request: Request, slug: str) -> Response:
        actor = actor_of(request)
        integration = Integration.objects.visible_to(actor).with_setup(actor).with_slug(slug)
        if integration is None:
            raise NotFound("There is no such integration.")
        with_counts([integration], totals_for(actor))
        entry = entry_of(integration)
        app = oauth_app_for(actor.team, integration)
        context = {
            "entry": entry,
            "links": links(entry, app) if entry else None,
            "scopes": offer_of(entry, app).scopes if entry else (),
            "oauth_app": app or unregistered_app(integration, actor.team),
        }
        return Response(IntegrationDetailSerializer(integration, context=context).data)

    @extend_schema(
        operation_id="integrations_partial_update", request=CustomApiChangeSerializer, responses=CustomApiSerializer
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Change a custom API (owners and admins)."""
        return api.change(request, slug)

    @extend_schema(operation_id="integrations_destroy", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a custom API without connections (owners and admins)."""
        return api.delete(request, slug)
