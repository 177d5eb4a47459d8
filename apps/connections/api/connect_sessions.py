"""The REST API of connect sessions: a link for a member to connect a service or reconnect."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.models import Connection, ConnectSession, Level
from apps.connections.services.connect_sessions import (
    SessionOptions,
    cancel_session,
    create_connect_session,
    sessions_of,
    with_status,
)
from apps.connections.services.names import NAMES, names_of
from apps.connections.services.session_outcome import outcome_of
from apps.errors import NotFound
from apps.integrations.models import Integration
from apps.rest.fields import UUID_TEXT, ExternalId, Flag, Id, Metadata, QuerySerializer, Tags, Text, texts
from apps.rest.pagination import Pages, page_of, with_tags
from apps.rest.views import StrictAPIView, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent
from apps.teams.models import User


class SessionSharingSerializer(serializers.Serializer[Any]):
    """Sharing at a level: with everyone in the team, which includes its service keys, or with members."""

    level = serializers.ChoiceField(choices=Level.choices, default=Level.USE)
    members = serializers.ListField(
        child=Text(max_length=254),
        required=False,
        min_length=1,
        max_length=50,
        help_text="IDs or e-mail addresses of members; default: everyone.",
    )


class NewConnectSessionSerializer(serializers.Serializer[Any]):
    """The member and what they should connect. With `connection`, its owner reconnects it, and `scopes` are added."""

    integration = Text(required=False, max_length=100, help_text="The slug; optional with `connection`.")
    connection = Id(required=False, help_text="The connection to reconnect.")
    member = Text(
        required=False,
        max_length=254,
        help_text="The member's ID or e-mail address; default: the caller. With `connection` always its owner.",
    )
    scopes = texts(default=list, help_text="The scopes to request; default: the suggested minimum.")
    sharing = SessionSharingSerializer(
        required=False,
        help_text="Ask the member to share the connection, with everyone (service keys included) or members.",
    )
    return_url = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=500,
        help_text=(
            "Where the person can go afterwards: a path of ours, or a URL at an allowed origin. It gets the query "
            "parameters `connect_session` and `status`, `connection` if there is one, and `code` if it failed."
        ),
    )
    login_hint = Text(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="The account to sign in with, passed to the service.",
    )
    external_id = ExternalId(required=False, help_text="Your own ID; the connection gets it too.")
    tags = Tags(required=False, help_text="Your own tags; the connection gets them too.")
    metadata = Metadata(required=False, help_text="A JSON object of your own; the connection gets it too.")
    notify = Flag(default=False, help_text="Also send the link to the member by e-mail.")


class SharingAnswerSerializer(serializers.Serializer[Any]):
    """The sharing that a session requests. `accepted`: the member's answer; null until there is one."""

    level = serializers.ChoiceField(choices=Level.choices)
    members = serializers.ListField(child=serializers.UUIDField(), help_text="Empty: everyone in the team.")
    accepted = serializers.BooleanField(allow_null=True)


class ConnectSessionSerializer(serializers.Serializer[Any]):
    """The state of a session.

    `pending`: the person has not finished yet. `connected_personal`: connected, but the person did not agree to share
    it. `declined`: the person, or an admin of the service, refused. `code` is stable, `detail` is for people.
    """

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ConnectSession.Status.choices)
    code = serializers.CharField(help_text="Why it ended without a connection, such as `access_declined`; else empty.")
    detail = serializers.CharField(help_text="The same as a message; also for `connected_personal`.")
    integration = serializers.CharField()
    connection = serializers.UUIDField(allow_null=True, help_text="The connection, once there is one.")
    member = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField(), help_text="The scopes that were named.")
    external_id = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    sharing = SharingAnswerSerializer(allow_null=True, help_text="Null if the session requests no sharing.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    mailed = serializers.BooleanField(help_text="Whether the link was sent to the member by e-mail.")

    def to_representation(self, instance: ConnectSession) -> dict[str, Any]:
        return dict(super().to_representation(_session_data(instance)))


class ConnectSessionFilterSerializer(QuerySerializer):
    """The filters of the list."""

    status = serializers.ChoiceField(choices=ConnectSession.Status.choices, required=False)
    integration = serializers.SlugField(required=False)
    member = Id(required=False)
    connection = Id(required=False)
    external_id = ExternalId(required=False)
    tags = Text(required=False, max_length=1100, help_text="Tags, separated by commas: those with all of them.")


class LinkSerializer(ConnectSessionSerializer):
    """A session with its link, which only this response contains."""

    url = serializers.URLField(
        help_text="Only for that member: the link requires their login and a click, and works once."
    )


class ConnectSessionsView(StrictAPIView):
    """Connect sessions."""

    required_scopes = {"GET": "connections:read", "POST": "connections:write"}
    filters = ConnectSessionFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="connect_sessions_list",
        parameters=[ConnectSessionFilterSerializer],
        responses=ConnectSessionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The sessions that the caller created or is the member of; owners and admins see all. Kept for 30 days."""
        sessions, filters = sessions_of(actor_of(request)), dict(self.query)
        if status := filters.pop("status", ""):
            sessions = with_status(sessions, status)
        sessions = with_tags(sessions, filters.pop("tags", ""))
        columns = {name: name for name in ("member", "connection", "external_id")} | {
            "integration": "integration__slug"
        }
        sessions = sessions.filter(**{columns[name]: value for name, value in filters.items()})
        return page_of(self, sessions, ConnectSessionSerializer)

    @extend_schema(
        operation_id="connect_sessions_create", request=NewConnectSessionSerializer, responses={201: LinkSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a one-time link for a member: to connect a service, or to reconnect a connection of theirs."""
        actor = actor_of(request)
        data = validated(NewConnectSessionSerializer(data=request.data))
        connection = _connection(actor, data.pop("connection", None))
        integration = _integration(actor, data.pop("integration", None), connection)
        sharing, member, notify = data.pop("sharing", None), data.pop("member", None), data.pop("notify")
        names = {name: data.pop(name) for name in NAMES if name in data}
        link = create_connect_session(
            actor=actor,
            integration=integration,
            connection=connection,
            member=_member(actor, member),
            options=SessionOptions(**data, names=names, **_sharing(actor, sharing)),
            notify=notify,
        )
        body = {**ConnectSessionSerializer(link.session).data, "url": link.url}
        return Response(body, status=201, headers={"Cache-Control": "no-store"})


class ConnectSessionView(StrictAPIView):
    """One connect session."""

    required_scopes = {"GET": "connections:read", "DELETE": "connections:write"}

    @extend_schema(operation_id="connect_sessions_retrieve", responses=ConnectSessionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The state of a session, for its creator, its member, and owners and admins."""
        return Response(ConnectSessionSerializer(_session(actor_of(request), pk)).data)

    @extend_schema(operation_id="connect_sessions_cancel", responses={200: ConnectSessionSerializer})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Cancel a session: its link no longer works. 409 if the session has ended already; repeating it succeeds."""
        actor = actor_of(request)
        cancel_session(actor=actor, session=_session(actor, pk))
        return Response(ConnectSessionSerializer(_session(actor, pk)).data)


def _session(actor: Actor, pk: UUID) -> ConnectSession:
    session = sessions_of(actor).filter(pk=pk).first()
    if session is None:
        raise NotFound("There is no such connect session.")
    return session


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


def _sharing(actor: Actor, sharing: dict[str, Any] | None) -> dict[str, Any]:
    """The options about sharing. Raises ValidationError."""
    if sharing is None:
        return {}
    members = [_member(actor, text, field="sharing.members") for text in sharing.get("members", [])]
    return {"sharing_level": Level(sharing["level"]), "sharing_members": members}


def _member(actor: Actor, text: str | None, *, field: str = "member") -> User | None:
    """The member with this ID or e-mail address. Raises ValidationError."""
    if text is None:
        return None
    members = User.objects.filter(memberships__team=actor.team)
    if "@" in text:
        member = members.filter(email__iexact=text).first()
    else:
        member = members.filter(pk=text).first() if UUID_TEXT.fullmatch(text) else None
    if member is None:
        raise ValidationError({field: ["There is no member of the team with this ID or e-mail address."]})
    return member


def _session_data(session: ConnectSession) -> dict[str, Any]:
    outcome = outcome_of(session, now=timezone.now())
    sharing = None
    if session.sharing_level:
        names = {"level": "sharing_level", "members": "sharing_members", "accepted": "sharing_accepted"}
        sharing = {name: getattr(session, column) for name, column in names.items()}
    return {
        **{name: getattr(session, name) for name in ("id", "scopes", "created_at", "expires_at", "ended_at")},
        "status": outcome.status,
        "code": outcome.code,
        "detail": outcome.detail,
        "integration": session.integration.slug,
        "connection": session.connection_id,
        "member": session.member_id,
        "sharing": sharing,
        **names_of(session),
        "mailed": session.mailed_at is not None,
    }
