"""The REST API of connections."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit.querysets import was_done
from apps.connections.api.serializers import (
    ConnectionChangeSerializer,
    ConnectionFilterSerializer,
    ConnectionSerializer,
    DisconnectedSerializer,
    NewConnectionSerializer,
)
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection
from apps.connections.policy.access import may_manage, may_use
from apps.connections.policy.state import IN_STATE, State
from apps.connections.services.connection_params import required_params
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.eligibility import with_scopes
from apps.connections.services.names import NAMES, change_names
from apps.connections.services.refresh import refresh_now
from apps.connections.services.share import rename
from apps.errors import NotAllowed, NotFound
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration
from apps.rest.pagination import Pages, page_of, with_tags
from apps.rest.views import StrictAPIView, require_empty_body, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent

_ALREADY_DISCONNECTED = {
    "revocation": "already_disconnected",
    "detail": "This connection was already disconnected. The audit log has the details.",
    "manage_url": "",
}


class ConnectionPages(Pages):
    """The connections' pages, with `total` on request."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        document = super().get_paginated_response_schema(schema)
        document["properties"]["total"] = {"type": "integer", "description": "With `include=total`: all matches."}
        return document


class OldestFirst(ConnectionPages):
    ordering = ("created_at", "id")


class ByName(ConnectionPages):
    ordering = ("name", "id")


class ByNameDescending(ConnectionPages):
    ordering = ("-name", "-id")


_PAGES = {"-created_at": ConnectionPages, "created_at": OldestFirst, "name": ByName, "-name": ByNameDescending}


class ConnectionsView(StrictAPIView):
    """The connections that the caller may use."""

    required_scopes = {"GET": "connections:read", "POST": "connections:write"}
    filters = ConnectionFilterSerializer
    pagination_class: type[Pages] = ConnectionPages

    @extend_schema(
        operation_id="connections_list",
        parameters=[ConnectionFilterSerializer],
        responses=ConnectionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        matches = _filtered(Connection.objects.usable_by(actor), self.query)
        self.pagination_class = _PAGES[self.query["ordering"]]
        response = page_of(self, _with_listed_details(matches), ConnectionSerializer, actor=actor)
        if self.query.get("include") == "total":
            response.data["total"] = matches.count()
        return response

    @extend_schema(
        operation_id="connections_create",
        request=NewConnectionSerializer,
        responses={201: ConnectionSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a connection to a service with an API key, which is verified by a call where the service has one."""
        actor = actor_of(request)
        data = validated(NewConnectionSerializer(data=request.data))
        integration = Integration.objects.visible_to(actor).filter(is_enabled=True).with_slug(data.pop("integration"))
        if integration is None:
            raise ValidationError({"integration": ["There is no such integration, or it cannot be connected."]})
        try:
            names = {name: data.pop(name) for name in NAMES if name in data}
            connection = connect_with_key(actor=actor, integration=integration, names=names, **data)
        except InvalidInput as error:
            raise _with_api_names(error) from None
        created = _with_api_details(Connection.objects).get(pk=connection.pk)
        return Response(ConnectionSerializer(created, context={"actor": actor}).data, status=201)


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
        """Rename, set your own names, or replace the key: the old values stay until the service accepts new ones."""
        actor = actor_of(request)
        connection = visible_connection(actor, pk)
        if not may_manage(actor, connection):
            raise NotAllowed("You are not allowed to change this connection. Ask its owner or an admin.")
        data = validated(ConnectionChangeSerializer(data=request.data))
        _require_used_params(connection, data)
        try:
            if "fields" in data:
                values = {name: data[name] for name in ("fields", "params", "if_unchecked")}
                replace_key(actor=actor, connection=connection, **values)
            if "name" in data:
                rename(actor=actor, connection=visible_connection(actor, pk), name=data["name"])
            names = {name: data[name] for name in NAMES if name in data}
            change_names(actor=actor, connection=visible_connection(actor, pk), names=names)
        except InvalidInput as error:
            raise _with_api_names(error) from None
        return Response(ConnectionSerializer(visible_connection(actor, pk), context={"actor": actor}).data)

    @extend_schema(operation_id="connections_disconnect", responses={200: DisconnectedSerializer})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Disconnect: revoke the grant at the service, delete the secrets, and report what was revoked.

        Repeated by a caller who can see the earlier disconnect in the audit log, it does nothing, and `revocation` is
        `already_disconnected`.
        """
        actor = actor_of(request)
        if was_done(actor, action="connection.disconnected", target_id=str(pk)):
            return Response(DisconnectedSerializer(_ALREADY_DISCONNECTED).data)
        connection = visible_connection(actor, pk)
        if not may_manage(actor, connection):
            raise NotAllowed("You are not allowed to disconnect this connection. Ask its owner or an admin.")
        done = disconnect(actor=actor, connection=connection)
        result = {"revocation": done.revocation, "detail": done.sentence, "manage_url": done.manage_url}
        return Response(DisconnectedSerializer(result).data)


class RefreshView(StrictAPIView):
    """A refresh now, independently of the schedule."""

    required_scope = "connections:use"

    @extend_schema(operation_id="connections_refresh", request=None, responses=ConnectionSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        require_empty_body(request)
        actor = actor_of(request)
        connection = visible_connection(actor, pk)
        if not (may_use(actor, connection) or may_manage(actor, connection)):
            raise NotAllowed("You are not allowed to refresh this connection. Ask its owner to share it.")
        try:
            refreshed = refresh_now(connection=connection, actor=actor)
        except ReauthorizationRequired as error:
            raise with_reconnect_url(error, connection) from None
        return Response(ConnectionSerializer(refreshed, context={"actor": actor}).data)


def visible_connection(actor: Actor, pk: UUID) -> Connection:
    connection = _with_api_details(Connection.objects.visible_to(actor)).filter(pk=pk).first()
    if connection is None:
        raise NotFound("There is no such connection.")
    return connection


def _require_used_params(connection: Connection, data: Mapping[str, Any]) -> None:
    """Raises ValidationError for parameters that would change nothing."""
    if "fields" not in data and data["params"]:
        raise ValidationError({"params": ["Parameters change only together with `fields`."]})
    unused = data["params"].keys() - {param.name for param in required_params(connection)}
    if unused:
        message = "The connection lacks no such parameter. Connect the service again to use another value."
        raise ValidationError({"params": {name: [message] for name in sorted(unused)}})


def _with_api_details(connections: Any) -> QuerySet[Connection]:
    """With everything that the serializer reads, in a fixed number of queries."""
    detailed: QuerySet[Connection] = connections.with_details().prefetch_related("shares")
    return detailed


def _with_listed_details(connections: Any) -> QuerySet[Connection]:
    """The same for a page of up to 200, without rows and times that only changes read."""
    related = ("integration", "owner", "oauth_app", "token_set", "credential")
    unread = ("credential__fields", "owner__password", "owner__last_login", "owner__date_joined")
    listed: QuerySet[Connection] = connections.select_related(*related).defer(*unread).prefetch_related("shares")
    return listed


def _with_api_names(error: InvalidInput) -> InvalidInput:
    """The same errors with the field names of the API instead of those of the form."""
    prefixes = {"field": "fields", "param": "params"}
    parts = [(name.partition("."), message) for name, message in error.errors]
    return InvalidInput(
        [(f"{prefixes.get(first, first)}{dot}{rest}", message) for (first, dot, rest), message in parts]
    )


def _filtered(connections: QuerySet[Connection], filters: Mapping[str, Any]) -> QuerySet[Connection]:
    columns = {"integration": "integration__slug", "kind": "integration__kind"}
    columns |= {name: name for name in ("owner", "name", "external_id")}
    connections = connections.filter(**{columns[name]: value for name, value in filters.items() if name in columns})
    connections = with_tags(connections, filters.get("tags", ""))
    if "id" in filters:
        connections = connections.filter(pk__in=filters["id"])
    if account := filters.get("account"):
        connections = connections.filter(Q(account_subject=account) | Q(account_label=account))
    if "status" in filters:
        connections = connections.filter(IN_STATE[State(filters["status"])])
    if "sharing" in filters:
        connections = connections.filter(is_shared=filters["sharing"] == "shared")
    for word in filters.get("search", "").split():
        label, service = Q(account_label__icontains=word), Q(integration__name__icontains=word)
        connections = connections.filter(Q(name__icontains=word) | label | service)
    if "scopes" in filters:
        connections = with_scopes(connections, filters["scopes"].split())
    return connections


def with_reconnect_url(error: ReauthorizationRequired, connection: Connection) -> ReauthorizationRequired:
    """Adds the URL of the page on which the owner can reconnect, which requires a login and a click."""
    return ReauthorizationRequired(error.sentence, reconnect_url=reconnect_url(connection.pk))


def reconnect_url(pk: UUID) -> str:
    """The page on which a person can reconnect a connection."""
    return f"{settings.PUBLIC_URL}{reverse('connections:list')}#connection-{pk}"
