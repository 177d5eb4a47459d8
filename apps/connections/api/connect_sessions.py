"""The REST API's doors to connect sessions: asking a member, by a link, to connect or to repair."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.models import Connection, ConnectSession
from apps.connections.services.connect_sessions import create_connect_session, outcome_of, sessions_of
from apps.errors import NotFound
from apps.integrations.models import Integration
from apps.rest.fields import Flag, Id, Text, texts
from apps.rest.views import StrictAPIView, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.models import User


class NewConnectSessionSerializer(serializers.Serializer[Any]):
    """Whom to ask for what. With `connection`, its owner is asked to repair it, and `scopes` are added."""

    integration = Text(required=False, max_length=100, help_text="The slug; may be left out with `connection`.")
    connection = Id(required=False, help_text="The connection to repair.")
    member = Id(required=False, help_text="Who is asked; you, if left out. With `connection` always its owner.")
    scopes = texts(default=list, help_text="What to ask for; the suggested smallest set, if left out.")
    return_url = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=500,
        help_text="Where the person can go afterwards: a path of ours, or an address at an origin that is allowed.",
    )
    login_hint = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="The account that is meant, for the service.",
    )
    notify = Flag(default=False, help_text="Send the link to the member by mail, too.")


class ConnectSessionSerializer(serializers.Serializer[Any]):
    """How a session stands. `pending`: the person has not come back yet."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["pending", "connected", "failed"])
    detail = serializers.CharField(help_text="Why it failed.")
    integration = serializers.CharField()
    connection = serializers.UUIDField(allow_null=True, help_text="The connection, once there is one.")
    member = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    mailed = serializers.BooleanField(help_text="Whether the member got the link by mail.")


class LinkSerializer(ConnectSessionSerializer):
    """A session with its link, which is in this answer and nowhere else."""

    url = serializers.URLField(
        help_text="For the named member alone: it wants their login and a click, and works once."
    )


class ConnectSessionsView(StrictAPIView):
    """Asking people to connect."""

    required_scopes = {"POST": "connections:write"}

    @extend_schema(
        operation_id="connect_sessions_create", request=NewConnectSessionSerializer, responses={201: LinkSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a one-time link for a member: to connect a service, or to repair a connection of theirs."""
        actor = actor_of(request)
        wanted = validated(NewConnectSessionSerializer(data=request.data))
        connection = _connection(actor, wanted.pop("connection", None))
        integration = _integration(actor, wanted.pop("integration", None), connection)
        member = wanted.pop("member", None)
        if member is not None:
            member = User.objects.filter(pk=member, memberships__team=actor.team).first()
            if member is None:
                raise ValidationError({"member": ["There is no such member of the team."]})
        link = create_connect_session(
            actor=actor, integration=integration, connection=connection, member=member, **wanted
        )
        body = {**_shown(link.session), "url": link.url}
        return Response(LinkSerializer(body).data, status=201, headers={"Cache-Control": "no-store"})


class ConnectSessionView(StrictAPIView):
    """One connect session."""

    required_scope = "connections:read"

    @extend_schema(operation_id="connect_sessions_retrieve", responses=ConnectSessionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """How it stands: for whoever made it, the member, and owners and admins."""
        session = sessions_of(actor_of(request)).filter(pk=pk).first()
        if session is None:
            raise NotFound("There is no such connect session.")
        return Response(ConnectSessionSerializer(_shown(session)).data)


def _connection(actor: Actor, pk: UUID | None) -> Connection | None:
    if pk is None:
        return None
    found = Connection.objects.visible_to(actor).with_details().filter(pk=pk).first()
    if found is None:
        raise ValidationError({"connection": ["There is no such connection."]})
    return found


def _integration(actor: Actor, slug: str | None, connection: Connection | None) -> Integration:
    if connection is not None:
        if slug not in (None, connection.integration.slug):
            raise ValidationError({"integration": ["The connection is one of another integration."]})
        return connection.integration
    if slug is None:
        raise ValidationError({"integration": ["Name the integration, or a connection to repair."]})
    found = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(slug)
    if found is None:
        raise ValidationError({"integration": ["There is no such integration, or it cannot be connected."]})
    return found


def _shown(session: ConnectSession) -> dict[str, Any]:
    status, why = outcome_of(session, now=timezone.now())
    return {
        "id": session.pk,
        "status": status,
        "detail": why,
        "integration": session.integration.slug,
        "connection": session.connection_id,
        "member": session.member_id,
        "expires_at": session.expires_at,
        "mailed": session.mailed_at is not None,
    }
