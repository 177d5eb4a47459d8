"""The REST API's endpoint that returns the access token of a connection, or what a key adds to each request."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.api.connections import visible_connection, with_reconnect_url
from apps.connections.api.serializers import KeyMaterialSerializer, TokenRequestSerializer, TokenSerializer
from apps.connections.api.token_call import token_call
from apps.connections.errors import ReauthorizationRequired
from apps.connections.models import Connection
from apps.connections.policy.access import may_take_token
from apps.connections.services import stored_token
from apps.connections.services.tokens import IssuedToken, issue_token, key_material, record_denial
from apps.errors import NotAllowed, SpecwayError
from apps.integrations.models import KINDS_SENT_AS_ENTERED
from apps.rest.views import StrictAPIView, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.throttling import count_call, note_counted
from apps.vault.errors import UnreadableSecret

logger = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}


class TokenView(StrictAPIView):
    """A fresh access token of a connection."""

    required_scope = "connections:token"
    rate = "token"
    # Raised by the statement after it recorded the token: an error of this request like any other.
    unreadable: UnreadableSecret | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer the common case in one statement, before REST framework's own request, parser and renderer."""
        try:
            response = self._stored_token(request, kwargs["pk"])
        except UnreadableSecret as error:
            response, self.unreadable = None, error
        return super().dispatch(request, *args, **kwargs) if response is None else response

    def _stored_token(self, request: HttpRequest, pk: UUID) -> HttpResponse | None:
        """None for a request that `post` has to answer, in full or with an error."""
        call = token_call(request) if stored_token.is_available() else None
        if call is None or self.required_scope not in call.caller.scopes:
            return None
        state = count_call(self.rate, call.caller.counted_as, call.caller.team)
        note_counted(request, state)
        if state is not None and state.is_over:
            return None
        try:
            token = stored_token.stored_token(
                connection_id=pk,
                prefix=call.prefix,
                secret_hash=call.secret_hash,
                origin=call.origin,
                min_ttl=call.min_ttl,
            )
        except DatabaseError as error:
            logger.warning("a stored token was not read in one statement error=%s", type(error).__name__)
            return None
        if token is None:
            return None
        cast(Any, request).rate_limit = state
        headers = {"Allow": ", ".join(self.allowed_methods), **_NO_STORE}
        return HttpResponse(_encoded(_token_data(token, pk, min_ttl=call.min_ttl)), "application/json", headers=headers)

    def handle_exception(self, exc: Exception) -> Response:
        """Record a denied request of an authenticated caller, then respond as usual."""
        response = super().handle_exception(exc)
        actor = getattr(self.request._request, "actor", None)
        if actor is not None and isinstance(exc, SpecwayError):
            record_denial(actor=actor, connection_id=self.kwargs["pk"], code=exc.code)
        return response

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
        """Refreshes the token first if necessary. The audit event is stored before the token is returned.

        For a connection with an API key, the response holds what the key adds to each request.
        """
        if self.unreadable is not None:
            raise self.unreadable
        actor = actor_of(request)
        data = validated(TokenRequestSerializer(data=request.data))
        connection = visible_connection(actor, pk)
        return Response(issued_data(actor, connection, data), headers=_NO_STORE)


def issued_data(actor: Actor, connection: Connection, data: Mapping[str, Any]) -> dict[str, Any]:
    """The response body with a token, or with what a key adds to each request. `data` is a validated token request.

    Raises NotAllowed, and what `issue_token` raises.
    """
    if not may_take_token(actor, connection):
        raise NotAllowed("Only its owner and service keys can get the token itself.")
    if connection.integration.kind in KINDS_SENT_AS_ENTERED:
        credentials = vars(key_material(connection=connection, actor=actor)) | {"connection": connection.pk}
        return dict(KeyMaterialSerializer(credentials).data)
    try:
        token = issue_token(
            connection=connection,
            actor=actor,
            min_ttl=data["min_ttl"],
            required_ttl=data["min_ttl"] if data["strict"] else 0,
            scopes=tuple(data["scopes"]),
        )
    except ReauthorizationRequired as error:
        raise with_reconnect_url(error, connection) from None
    return dict(TokenSerializer(_token_data(token, connection.pk, min_ttl=data["min_ttl"])).data)


def _token_data(token: IssuedToken, connection_id: UUID, *, min_ttl: int) -> dict[str, Any]:
    """The values of TokenSerializer, in its order."""
    return {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_at": token.expires_at,
        "ttl": token.ttl,
        # A second may pass between the service's response and ours.
        "min_ttl_met": token.ttl is None or token.ttl + 1 >= min_ttl,
        "scopes": token.scopes,
        "missing_scopes": token.missing_scopes,
        "connection": connection_id,
    }


def _encoded(data: dict[str, Any]) -> bytes:
    """As JSONRenderer encodes what TokenSerializer returns."""
    expires_at: datetime | None = data["expires_at"]
    moment = None if expires_at is None else expires_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = json.dumps(
        data | {"expires_at": moment, "connection": str(data["connection"])}, ensure_ascii=False, separators=(",", ":")
    )
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
