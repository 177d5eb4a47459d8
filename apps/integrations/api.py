"""The REST API's doors to integrations: what this team can connect to."""

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.errors import NotFound
from apps.integrations.catalogue import entry_of, links
from apps.integrations.models import Integration
from apps.integrations.offer import offer_of
from apps.integrations.pagination import CursorPages
from apps.integrations.querysets import IntegrationQuerySet
from apps.integrations.serializers import IntegrationDetailSerializer, IntegrationFilter, IntegrationSerializer
from apps.integrations.services import oauth_app_for
from apps.teams.authentication import actor_of


class BySlug(CursorPages):
    ordering = ("slug", "id")


@extend_schema_view(get=extend_schema(parameters=[IntegrationFilter], operation_id="integrations_list"))
class IntegrationListView(ListAPIView[Integration]):
    """What this team can connect to."""

    required_scope = "connections:read"
    serializer_class = IntegrationSerializer
    pagination_class = BySlug
    queryset = Integration.objects.none()

    def get_queryset(self) -> IntegrationQuerySet:
        asked = IntegrationFilter(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        actor = actor_of(self.request)
        rows = Integration.objects.visible_to(actor).with_standing(actor).listed()
        for word in asked.validated_data.get("search", "").split():
            rows = rows.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word))
        if category := asked.validated_data.get("category"):
            rows = rows.filter(category=category)
        if kind := asked.validated_data.get("auth_type"):
            rows = rows.filter(kind=kind)
        connected = asked.validated_data["connected"]
        if connected is not None:
            rows = rows.with_connections(connected)
        return rows


class IntegrationDetailView(APIView):
    """One service with its permissions, parameters and redirect URI."""

    required_scope = "connections:read"

    @extend_schema(responses=IntegrationDetailSerializer, operation_id="integrations_retrieve")
    def get(self, request: Request, slug: str) -> Response:
        actor = actor_of(request)
        integration = Integration.objects.visible_to(actor).with_standing(actor).named(slug)
        if integration is None:
            raise NotFound("There is no such integration.")
        entry = entry_of(integration)
        app = oauth_app_for(actor.team, integration)
        context = {
            "entry": entry,
            "links": links(entry, app) if entry else None,
            "scopes": offer_of(entry, app).scopes if entry else (),
        }
        return Response(IntegrationDetailSerializer(integration, context=context).data)
