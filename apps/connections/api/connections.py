"""The REST API of connections: thin doors to the services."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit.querysets import done_before
from apps.connections.api.serializers import (
    ConnectionChangeSerializer,
    ConnectionFilterSerializer,
    ConnectionSerializer,
    DisconnectedSerializer,
    KeyMaterialSerializer,
    NewConnectionSerializer,
    TokenRequestSerializer,
    TokenSerializer,
)
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection
from apps.connections.policy.access import may_manage, may_take_token, may_use
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.eligibility import missing_scopes_of
from apps.connections.services.refresh import refresh_now
from apps.connections.services.share import rename
from apps.connections.services.tokens import issue_token, key_material
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.rest.pagination import Pages, page_of
from apps.rest.views import StrictAPIView, no_body, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of

_DONE_BEFORE = {
    "revocation": "already_disconnected",
    "detail": "This was disconnected before; what came of it stands in the audit log.",
    "manage_url": "",
}


class ConnectionsView(StrictAPIView):
    """The connections that the caller may use."""

    required_scopes = {"GET": "connections:read", "POST": "connections:write"}
    filters = ConnectionFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="connections_list",
        parameters=[ConnectionFilterSerializer],
        responses=ConnectionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        usable = Connection.objects.usable_by(actor).with_details().prefetch_related("shares")
        return page_of(self, _filtered(usable, self.asked), ConnectionSerializer, actor=actor)

    @extend_schema(
        operation_id="connections_create",
        request=NewConnectionSerializer,
        responses={201: ConnectionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a connection to a service that takes a key: it is tried by a real call where the service has one."""
        actor = actor_of(request)
        wanted = validated(NewConnectionSerializer(data=request.data))
        integration = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(wanted.pop("integration"))
        if integration is None:
            raise ValidationError({"integration": ["There is no such integration, or it cannot be connected."]})
        try:
            connection = connect_with_key(actor=actor, integration=integration, **wanted)
        except InvalidInput as wrong:
            raise _by_api_names(wrong) from None
        made = Connection.objects.with_details().get(pk=connection.pk)
        return Response(ConnectionSerializer(made, context={"actor": actor}).data, status=201)


class ConnectionView(StrictAPIView):
    """One connection."""

    required_scopes = {
        "GET": "connections:read",
        "PATCH": "connections:write",
        "DELETE": "connections:write",
    }

    @extend_schema(operation_id="connections_retrieve", responses=ConnectionSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        actor = actor_of(request)
        return Response(ConnectionSerializer(visible_connection(actor, pk), context={"actor": actor}).data)

    @extend_schema(
        operation_id="connections_update", request=ConnectionChangeSerializer, responses=ConnectionSerializer
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        """Rename, or replace the key: the old values work until the service has accepted the new ones."""
        actor = actor_of(request)
        connection = visible_connection(actor, pk)
        if not may_manage(actor, connection):
            raise NotAllowed("Only who may manage this connection can change it.")
        wanted = validated(ConnectionChangeSerializer(data=request.data))
        try:
            if "fields" in wanted:
                given = {name: wanted[name] for name in ("fields", "params", "if_unchecked")}
                replace_key(actor=actor, connection=connection, **given)
            if "name" in wanted:
                rename(actor=actor, connection=visible_connection(actor, pk), name=wanted["name"])
        except InvalidInput as wrong:
            raise _by_api_names(wrong) from None
        return Response(ConnectionSerializer(visible_connection(actor, pk), context={"actor": actor}).data)

    @extend_schema(operation_id="connections_disconnect", responses={200: DisconnectedSerializer})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Disconnect: revoke the grant at the service, erase the secrets, and say what was revoked.

        Again, for whom the log tells that it was done: nothing happens, and `revocation` is `already_disconnected`.
        """
        actor = actor_of(request)
        if done_before(actor, action="connection.disconnected", target_id=str(pk)):
            return Response(DisconnectedSerializer(_DONE_BEFORE).data)
        connection = visible_connection(actor, pk)
        if not may_manage(actor, connection):
            raise NotAllowed("Only who may manage this connection can disconnect it.")
        done = disconnect(actor=actor, connection=connection)
        answer = {"revocation": done.revocation, "detail": done.sentence, "manage_url": done.manage_url}
        return Response(DisconnectedSerializer(answer).data)


class TokenView(StrictAPIView):
    """A fresh access token of a connection."""

    required_scope = "connections:token"
    rate = "token"

    @extend_schema(
        operation_id="connections_token",
        request=TokenRequestSerializer,
        responses=PolymorphicProxySerializer(
            component_name="HandedOut",
            serializers=[TokenSerializer, KeyMaterialSerializer],
            resource_type_field_name=None,
        ),
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Refreshes first if it must. The hand-out is in the audit log before the token is in the answer.

        A key has no token: what it adds to each request is answered instead.
        """
        actor = actor_of(request)
        wanted = validated(TokenRequestSerializer(data=request.data))
        connection = visible_connection(actor, pk)
        if not may_take_token(actor, connection):
            raise NotAllowed("The token itself goes to its owner and to service keys only.")
        if connection.integration.kind in KINDS_SENT_AS_ENTERED:
            material = KeyMaterialSerializer(
                {**vars(key_material(connection=connection, actor=actor)), "connection": connection.pk}
            )
            return Response(material.data, headers={"Cache-Control": "no-store"})
        try:
            token = issue_token(
                connection=connection, actor=actor, min_ttl=wanted["min_ttl"], scopes=tuple(wanted["scopes"])
            )
        except ReauthorizationRequired as error:
            raise _with_reconnect_url(error, connection) from None
        answer = TokenSerializer({**_fields(token), "connection": connection.pk}).data
        return Response(answer, headers={"Cache-Control": "no-store"})


class RefreshView(StrictAPIView):
    """A new token now, whatever the schedule says."""

    required_scope = "connections:use"

    @extend_schema(operation_id="connections_refresh", request=None, responses=ConnectionSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        no_body(request)
        actor = actor_of(request)
        connection = visible_connection(actor, pk)
        if not (may_use(actor, connection) or may_manage(actor, connection)):
            raise NotAllowed("Only who may use or manage this connection can refresh it.")
        try:
            refreshed = refresh_now(connection=connection, actor=actor)
        except ReauthorizationRequired as error:
            raise _with_reconnect_url(error, connection) from None
        return Response(ConnectionSerializer(refreshed, context={"actor": actor}).data)


def visible_connection(actor: Actor, pk: UUID) -> Connection:
    connection = Connection.objects.visible_to(actor).with_details().prefetch_related("shares").filter(pk=pk).first()
    if connection is None:
        raise NotFound("There is no such connection.")
    return connection


def _by_api_names(wrong: InvalidInput) -> InvalidInput:
    """The same errors, each field under the name that it has in the document."""
    places = {"field": "fields", "param": "params"}
    names = [(name.partition("."), sentence) for name, sentence in wrong.errors]
    return InvalidInput([(f"{places.get(first, first)}{dot}{rest}", s) for (first, dot, rest), s in names])


def _filtered(connections: QuerySet[Connection], wanted: Mapping[str, Any]) -> QuerySet[Connection]:
    columns = {"integration": "integration__slug", "status": "status", "owner": "owner", "kind": "integration__kind"}
    connections = connections.filter(**{columns[name]: value for name, value in wanted.items() if name in columns})
    if "sharing" in wanted:
        connections = connections.filter(is_shared=wanted["sharing"] == "shared")
    if "scopes" in wanted:
        needed = wanted["scopes"].split()
        fitting = [connection.pk for connection in connections if not missing_scopes_of(connection, needed)]
        connections = connections.filter(pk__in=fitting)
    return connections


def _with_reconnect_url(error: ReauthorizationRequired, connection: Connection) -> ReauthorizationRequired:
    """The page on which the owner can reconnect, after login and with a click of theirs."""
    page = f"{settings.PUBLIC_URL}{reverse('connections:list')}#connection-{connection.pk}"
    return ReauthorizationRequired(error.sentence, reconnect_url=page)


def _fields(token: Any) -> dict[str, Any]:
    names = ("access_token", "token_type", "expires_at", "scopes", "missing_scopes")
    return {name: getattr(token, name) for name in names}
