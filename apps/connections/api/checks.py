"""The REST API that checks connections now, by a real call each."""

import time
from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.api.bulk import MAX_CONNECTIONS, ItemErrorSerializer, outcome_for
from apps.connections.api.connections import visible_connection
from apps.connections.api.serializers import ConnectionSerializer
from apps.connections.errors import NotChecked
from apps.connections.services.check import Outcome, check
from apps.rest.fields import Id
from apps.rest.views import StrictAPIView, require_empty_body, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.throttling import require_rate

# Seconds after which no further check is started.
BUDGET = 25.0


class CheckResultSerializer(serializers.Serializer[Any]):
    """What a check showed. The connection is as it is after the check.

    `works`: the service accepted it. `rejected`: the service rejected it. `inconclusive`: the service could not be
    reached, or its response says nothing about the connection. `nothing_to_call`: the service has no such call.
    """

    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    detail = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True, help_text="The service's HTTP status, if known.")
    account = serializers.CharField(help_text="The label of the account that the service reported, or empty.")
    connection = ConnectionSerializer()


class CheckView(StrictAPIView):
    """A check of a connection now."""

    required_scope = "connections:use"
    rate = "token"

    @extend_schema(operation_id="connections_check", request=None, responses=CheckResultSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Make a real call that only verifies the connection, or refresh it, and store what that shows."""
        require_empty_body(request)
        return Response(_checked(actor_of(request), pk))


class ChecksRequestSerializer(serializers.Serializer[Any]):
    """Up to 50 connections."""

    connections = serializers.ListField(child=Id(), min_length=1, max_length=MAX_CONNECTIONS)


class CheckItemSerializer(serializers.Serializer[Any]):
    """One connection: `check`, or `error`."""

    connection = serializers.UUIDField()
    check = CheckResultSerializer(allow_null=True)
    error = ItemErrorSerializer(allow_null=True)


class ChecksSerializer(serializers.Serializer[Any]):
    """In the order of the request."""

    results = CheckItemSerializer(many=True)


class ChecksView(StrictAPIView):
    """A check of several connections now."""

    required_scope = "connections:use"
    rate = "token"

    @extend_schema(operation_id="connections_check_many", request=ChecksRequestSerializer, responses=ChecksSerializer)
    def post(self, request: Request) -> Response:
        """Each connection has an outcome of its own. After 25 seconds the remaining ones have the error `not_checked`.

        Each check counts towards the rate limit of tokens.
        """
        actor = actor_of(request)
        data = validated(ChecksRequestSerializer(data=request.data))
        end = time.monotonic() + BUDGET
        ids = list(dict.fromkeys(data["connections"]))
        require_rate(actor, self.rate, calls=len(ids) - 1)
        items = [outcome_for(pk, "check", partial(_checked_before, end, actor, pk)) for pk in ids]
        return Response({"results": [{**item, "connection": str(item["connection"])} for item in items]})


def _checked_before(end: float, actor: Actor, pk: UUID) -> dict[str, Any]:
    if time.monotonic() >= end:
        raise NotChecked("There was no time left for this connection. Check it in another request.", retry_after=0)
    return _checked(actor, pk)


def _checked(actor: Actor, pk: UUID) -> dict[str, Any]:
    result = check(connection=visible_connection(actor, pk), actor=actor)
    names = ("outcome", "detail", "http_status", "account")
    data = {name: getattr(result, name) for name in names} | {"connection": visible_connection(actor, pk)}
    return dict(CheckResultSerializer(data, context={"actor": actor}).data)
