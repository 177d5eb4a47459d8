"""The REST API of sharing and usage."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.api.connections import visible_connection
from apps.connections.api.sharing_serializers import (
    SharingRequestSerializer,
    SharingSerializer,
    TeamUsageSerializer,
    UsagePeriodSerializer,
    UsageSerializer,
    WorkflowsSerializer,
)
from apps.connections.models import Connection
from apps.connections.policy.access import may_view
from apps.connections.policy.sharing import sharing_of
from apps.connections.services.share import share, unshare
from apps.connections.services.usage import usage_of, usage_of_all, workflows_of
from apps.errors import NotFound
from apps.rest.views import StrictAPIView, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.throttling import WINDOW


class SharingView(StrictAPIView):
    """The members with whom a connection is shared, and their levels."""

    required_scopes = {"GET": "connections:read", "PUT": "connections:write"}

    @extend_schema(operation_id="connections_sharing_retrieve", responses=SharingSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(_sharing_data(viewed(actor_of(request), pk)))

    @extend_schema(
        operation_id="connections_sharing_update", request=SharingRequestSerializer, responses=SharingSerializer
    )
    def put(self, request: Request, pk: UUID) -> Response:
        """Make it personal, or share it with exactly these members. All others lose access immediately."""
        actor = actor_of(request)
        connection = visible_connection(actor, pk)
        data = validated(SharingRequestSerializer(data=request.data))
        if not data["shared"]:
            changed = unshare(actor=actor, connection=connection)
        else:
            changed = share(actor=actor, connection=connection, everyone=data["everyone"], members=data["members"])
        return Response(_sharing_data(changed))


class WorkflowsView(StrictAPIView):
    """The workflows that use a connection."""

    required_scope = "connections:read"

    @extend_schema(operation_id="connections_workflows", responses=WorkflowsSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The workflows that stop when it is disconnected. Requires the level View."""
        connection = viewed(actor_of(request), pk)
        page = {"total": connection.workflows.count(), "results": workflows_of([connection])}
        return Response(WorkflowsSerializer(page).data)


class UsageView(StrictAPIView):
    """Calls and failures of a connection."""

    required_scope = "connections:read"
    filters = UsagePeriodSerializer

    @extend_schema(operation_id="connections_usage", parameters=[UsagePeriodSerializer], responses=UsageSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Per day (UTC). Requires the level View."""
        connection = viewed(actor_of(request), pk)
        usage = usage_of(connection, days=self.query["days"], today=timezone.now().date())
        return Response(UsageSerializer(usage).data)


class TeamUsageView(StrictAPIView):
    """Calls and failures of all connections."""

    required_scope = "connections:read"
    filters = UsagePeriodSerializer

    @extend_schema(operation_id="usage", parameters=[UsagePeriodSerializer], responses=TeamUsageSerializer)
    def get(self, request: Request) -> Response:
        """Per day (UTC), of the connections that the caller can see; and the rate limits."""
        visible = Connection.objects.visible_to(actor_of(request))
        usage = usage_of_all(visible, days=self.query["days"], today=timezone.now().date())
        rates = settings.API_RATES
        limits = [
            {"name": name, "quota": quota, "window": WINDOW}
            for name, quota in rates.items()
            if quota and name != "failed"
        ]
        names = ("since", "until", "calls", "failures", "refused", "days")
        data = {name: getattr(usage, name) for name in names} | {"connections": visible.count(), "limits": limits}
        return Response(TeamUsageSerializer(data).data)


def viewed(actor: Actor, pk: UUID) -> Connection:
    """The connection, for an actor with the level View. Raises NotFound."""
    connection = visible_connection(actor, pk)
    if not may_view(actor, connection):
        raise NotFound("You may use this connection, but not view its details.")
    return connection


def _sharing_data(connection: Connection) -> dict[str, Any]:
    shares = connection.shares.select_related("user").exclude(user=None) if connection.is_shared else []
    members = [{"id": share.user_id, "name": str(share.user), "level": share.level} for share in shares]
    data = {
        "connection": connection.pk,
        "shared": connection.is_shared,
        "level": sharing_of(connection).everyone,
        "members": sorted(members, key=lambda member: str(member["name"]).casefold()),
    }
    return dict(SharingSerializer(data).data)
