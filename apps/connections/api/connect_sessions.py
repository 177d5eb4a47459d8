"""The REST API of connect sessions: a link for a member to connect a service or reconnect."""

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
    """The member and what they should connect. With `connection`, its owner reconnects it, and `scopes` are added."""

    integration = Text(required=False, max_length=100, help_text="The slug; optional with `connection`.")
    connection = Id(required=False, help_text="The connection to reconnect.")
    member = Id(required=False, help_text="The member; default: the caller. With `connection` always its owner.")
    scopes = texts(default=list, help_text="The scopes to request; default: the suggested minimum.")
    return_url = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=500,
        help_text="Where the person can go afterwards: a path of ours, or a URL at an allowed origin.",
    )
    login_hint = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="The account to sign in with, passed to the service.",
    )
    notify = Flag(default=False, help_text="Also send the link to the member by e-mail.")


class ConnectSessionSerializer(serializers.Serializer[Any]):
    """The state of a session. `pending`: the person has not finished yet."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["pending", "connected", "failed"])
    detail = serializers.CharField(help_text="Why it failed.")
    integration = serializers.CharField()
    connection = serializers.UUIDField(allow_null=True, help_text="The connection, once there is one.")
    member = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    mailed = serializers.BooleanField(help_text="Whether the link was sent to the member by e-mail.")


class LinkSerializer(ConnectSessionSerializer):
    """A session with its link, which only this response contains."""

    url = serializers.URLField(
        help_text="Only for that member: the link requires their login and a click, and works once."
    )


class ConnectSessionsView(StrictAPIView):
    """Connect sessions."""

    required_scopes = {"POST": "connections:write"}

    @extend_schema(
        operation_id="connect_sessions_create", request=NewConnectSessionSerializer, responses={201: LinkSerializer}
    )
    def post(self, request: Request) -> Response:
        """Create a one-time link for a member: to connect a service, or to reconnect a connection of theirs."""
        actor = actor_of(request)
        data = validated(NewConnectSessionSerializer(data=request.data))
        connection = _connection(actor, data.pop("connection", None))
        integration = _integration(actor, data.pop("integration", None), connection)
        member = data.pop("member", None)
        if member is not None:
            member = User.objects.filter(pk=member, memberships__team=actor.team).first()
            if member is None:
                raise ValidationError({"member": ["There is no such member of the team."]})
        link = create_connect_session(
            actor=actor, integration=integration, connection=connection, member=member, **data
        )
        body = {**_session_data(link.session), "url": link.url}
        return Response(LinkSerializer(body).data, status=201, headers={"Cache-Control": "no-store"})


class ConnectSessionView(StrictAPIView):
    """One connect session."""

    required_scope = "connections:read"

    @extend_schema(operation_id="connect_sessions_retrieve", responses=ConnectSessionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The state of a session, for its creator, its member, and owners and admins."""
        session = sessions_of(actor_of(request)).filter(pk=pk).first()
        if session is None:
            raise NotFound("There is no such connect session.")
        return Response(ConnectSessionSerializer(_session_data(session)).data)


def _connection(actor: Actor, pk: UUID | None) -> Connection | None:
    if pk is None:
        return None
    connection = Connection.objects.visible_to(actor).with_details().filter(pk=pk).first()
    if connection is None:
        raise ValidationError({"connection": ["There is no such connection."]})
    return connection


def _integration(actor: Actor, slug: str | None, connection: Connection | None) -> Integration:
    if connection is not None:
        if slug not in (None, connection.integration.slug):
            raise ValidationError({"integration": ["The connection belongs to another integration."]})
        return connection.integration
    if slug is None:
        raise ValidationError({"integration": ["Give an integration, or a connection to reconnect."]})
    integration = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(slug)
    if integration is None:
        raise ValidationError({"integration": ["There is no such integration, or it cannot be connected."]})
    return integration


def _session_data(session: ConnectSession) -> dict[str, Any]:
    status, detail = outcome_of(session, now=timezone.now())
    return {
        "id": session.pk,
        "status": status,
        "detail": detail,
        "integration": session.integration.slug,
        "connection": session.connection_id,
        "member": session.member_id,
        "expires_at": session.expires_at,
        "mailed": session.mailed_at is not None,
    }
