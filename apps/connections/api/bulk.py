"""The REST API for many connections at once: tokens, and whether a workflow's connections are usable."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.api.connections import reconnect_url, visible_connection
from apps.connections.api.serializers import TokenRequestSerializer
from apps.connections.api.tokens import issued_data
from apps.connections.errors import ReauthorizationRequired
from apps.connections.messages import status_message
from apps.connections.models import Connection, Status
from apps.connections.policy.access import may_use
from apps.connections.policy.outlook import usable_until
from apps.connections.services.eligibility import missing_scopes_of
from apps.connections.services.tokens import record_denial
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.rest.fields import Id, Number, texts
from apps.rest.views import StrictAPIView, validated
from apps.sql import database_now
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.throttling import require_rate

MAX_CONNECTIONS = 50


class ItemErrorSerializer(serializers.Serializer[Any]):
    """Why one of several failed, as in a problem document."""

    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    reconnect_url = serializers.CharField(required=False)


class TokensRequestSerializer(TokenRequestSerializer):
    """Up to 50 connections, and what holds for each of their tokens."""

    connections = serializers.ListField(child=Id(), min_length=1, max_length=MAX_CONNECTIONS)


class TokenItemSerializer(serializers.Serializer[Any]):
    """One connection: `token` as `POST connections/{id}/token/` returns it, or `error`."""

    connection = serializers.UUIDField()
    token = serializers.DictField(allow_null=True)
    error = ItemErrorSerializer(allow_null=True)


class TokensSerializer(serializers.Serializer[Any]):
    """In the order of the request."""

    results = TokenItemSerializer(many=True)


class TokensView(StrictAPIView):
    """Fresh access tokens of several connections."""

    required_scope = "connections:token"
    rate = "token"

    @extend_schema(operation_id="tokens_create", request=TokensRequestSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Each connection has an outcome of its own; one that fails does not affect the others.

        Each token counts towards the rate limit of `POST connections/{id}/token/`.
        """
        actor = actor_of(request)
        data = validated(TokensRequestSerializer(data=request.data))
        ids = list(dict.fromkeys(data["connections"]))
        require_rate(actor, self.rate, calls=len(ids) - 1)
        items = [outcome_for(pk, "token", partial(_token, actor, pk, data)) for pk in ids]
        return Response(TokensSerializer({"results": items}).data, headers={"Cache-Control": "no-store"})


def _token(actor: Actor, pk: UUID, data: dict[str, Any]) -> dict[str, Any]:
    try:
        return issued_data(actor, visible_connection(actor, pk), data)
    except SpecwayError as error:
        record_denial(actor=actor, connection_id=pk, code=error.code)
        raise


def outcome_for(pk: UUID, name: str, produce: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"connection": pk, name: produce(), "error": None}
    except SpecwayError as error:
        problem = {"status": error.status, "code": error.code, "detail": error.sentence}
        if isinstance(error, ReauthorizationRequired):
            problem["reconnect_url"] = reconnect_url(pk)
        return {"connection": pk, name: None, "error": problem}


class PreflightItemRequestSerializer(serializers.Serializer[Any]):
    """A connection that a workflow needs, with the scopes and for how long (seconds from now)."""

    connection = Id()
    scopes = texts(default=list)
    duration = Number(min_value=0, max_value=31_536_000, default=0)


class PreflightRequestSerializer(serializers.Serializer[Any]):
    """The connections of a workflow."""

    connections = serializers.ListField(
        child=PreflightItemRequestSerializer(), min_length=1, max_length=MAX_CONNECTIONS
    )


class PreflightItemSerializer(serializers.Serializer[Any]):
    """Whether a connection will do. `action` is what a person can do about it, at `reconnect_url`; "" if nothing."""

    connection = serializers.UUIDField()
    usable = serializers.BooleanField()
    usable_until = serializers.DateTimeField(allow_null=True)
    code = serializers.CharField(help_text="Why it is not usable: not_found, missing_scopes, expires_too_early, …")
    detail = serializers.CharField()
    missing_scopes = serializers.ListField(child=serializers.CharField())
    action = serializers.ChoiceField(choices=["", "reconnect", "share"])
    reconnect_url = serializers.CharField()


class PreflightSerializer(serializers.Serializer[Any]):
    """In the order of the request; `usable` if all are."""

    usable = serializers.BooleanField()
    results = PreflightItemSerializer(many=True)


class PreflightView(StrictAPIView):
    """A check of a workflow's connections before it runs."""

    required_scope = "connections:read"

    @extend_schema(operation_id="preflight", request=PreflightRequestSerializer, responses=PreflightSerializer)
    def post(self, request: Request) -> Response:
        """Whether the caller can use each connection, until when, why not, and what to do. Calls no service."""
        actor = actor_of(request)
        data = validated(PreflightRequestSerializer(data=request.data))
        now = database_now()
        results = [_preflight(actor, item, now) for item in data["connections"]]
        body = {"usable": all(result["usable"] for result in results), "results": results}
        return Response(PreflightSerializer(body).data)


def _preflight(actor: Actor, item: dict[str, Any], now: datetime) -> dict[str, Any]:
    result = {
        "connection": item["connection"],
        "usable": True,
        "usable_until": None,
        "code": "",
        "detail": "",
        "missing_scopes": [],
        "action": "",
        "reconnect_url": "",
    }
    try:
        connection = visible_connection(actor, item["connection"])
        if not may_use(actor, connection):
            raise NotAllowed("This connection is personal. Ask its owner to share it.")
    except (NotFound, NotAllowed) as error:
        action = "share" if isinstance(error, NotAllowed) else ""
        return result | {"usable": False, "code": error.code, "detail": error.sentence, "action": action}
    result["usable_until"] = usable_until(connection)
    problem = _problem(connection, item, now)
    if problem is None:
        return result
    return result | problem | {"usable": False, "action": "reconnect", "reconnect_url": reconnect_url(connection.pk)}


def _problem(connection: Connection, item: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    until = usable_until(connection)
    ends_early = until is not None and until < now + timedelta(seconds=item["duration"])
    if connection.status == Status.NEEDS_ATTENTION and (ends_early or until is None):
        return {"code": connection.status_reason, "detail": status_message(connection)}
    missing = missing_scopes_of(connection, item["scopes"])
    if missing:
        detail = f"{connection.name} was not granted {', '.join(missing)}."
        return {"code": "missing_scopes", "detail": detail, "missing_scopes": missing}
    if ends_early:
        return {"code": "expires_too_early", "detail": f"{connection.name} expires before then."}
    return None
