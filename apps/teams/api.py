"""REST API: the caller, and the team's API keys."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.rest.pagination import Pages, page_of
from apps.rest.views import StrictAPIView, validated
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent
from apps.teams.models import ApiKey, Membership
from apps.teams.querysets import keys_visible_to
from apps.teams.serializers import (
    ApiKeySerializer,
    BrowserTokenSerializer,
    CreatedApiKeySerializer,
    MemberFilterSerializer,
    MemberSerializer,
    MeSerializer,
    NewApiKeySerializer,
    NewBrowserTokenSerializer,
    RotationSerializer,
)
from apps.teams.services.api_keys import (
    api_key_of,
    create_api_key,
    create_browser_token,
    revoke_api_key,
    rotate_api_key,
)


class MeView(StrictAPIView):
    """The caller: team, member or service key, and scopes."""

    required_scope = ""

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(actor_of(request)).data)


class MembersView(StrictAPIView):
    """The members of the team."""

    required_scope = "members:read"
    filters = MemberFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="members_list", parameters=[MemberFilterSerializer], responses=MemberSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Active members with their IDs, which connect sessions and sharing take. Newest first."""
        members = Membership.objects.filter(team=actor_of(request).team, user__is_active=True).select_related("user")
        for word in self.query.get("search", "").split():
            members = members.filter(Q(user__name__icontains=word) | Q(user__email__icontains=word))
        if email := self.query.get("email"):
            members = members.filter(user__email__iexact=email)
        if role := self.query.get("role"):
            members = members.filter(role=role)
        return page_of(self, members, MemberSerializer)


class ApiKeysView(StrictAPIView):
    """The team's API keys: all for owners and admins, their own personal keys for members."""

    required_scopes = {"GET": "connections:read", "POST": "connections:write"}
    pagination_class = Pages

    @extend_schema(operation_id="api_keys_list", responses=ApiKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        return page_of(self, keys_visible_to(actor_of(request)), ApiKeySerializer)

    @extend_schema(
        operation_id="api_keys_create", request=NewApiKeySerializer, responses={201: CreatedApiKeySerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a key. A key can only create keys with at most its own scopes and lifetime."""
        values = validated(NewApiKeySerializer(data=request.data))
        created = create_api_key(
            actor=actor_of(request),
            kind=ApiKey.Kind(values["kind"]),
            name=values["name"],
            scopes=values["scopes"],
            expires_at=values["expires_at"],
        )
        body = {**ApiKeySerializer(created.api_key).data, "key": created.text}
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class ApiKeyView(StrictAPIView):
    """One API key."""

    required_scopes = {"GET": "", "DELETE": "connections:write"}

    @extend_schema(operation_id="api_keys_retrieve", responses=ApiKeySerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """A key that the caller can list, or the key that the request is made with."""
        return Response(ApiKeySerializer(api_key_of(actor_of(request), pk)).data)

    @extend_schema(operation_id="api_keys_revoke", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Revoke the key at once."""
        revoke_api_key(actor=actor_of(request), api_key_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BrowserTokensView(StrictAPIView):
    """Tokens for programs in browsers."""

    required_scope = "connections:read"

    @extend_schema(
        operation_id="browser_tokens_create",
        request=NewBrowserTokenSerializer,
        responses={201: BrowserTokenSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """A short-lived token that pages of one origin send as `Authorization: Bearer`, instead of an API key.

        For requests with an API key. The token ends with the key, and has at most its scopes.
        """
        actor = actor_of(request)
        values = validated(NewBrowserTokenSerializer(data=request.data))
        token = create_browser_token(
            actor=actor, origin=values["origin"], scopes=values["scopes"], seconds=values["expires_in"]
        )
        return Response(
            BrowserTokenSerializer(instance=cast(Any, token)).data, status=201, headers={"Cache-Control": "no-store"}
        )


class RotationView(StrictAPIView):
    """New texts of API keys."""

    required_scope = ""

    @extend_schema(operation_id="api_keys_rotate", request=RotationSerializer, responses=CreatedApiKeySerializer)
    @idempotent
    def post(self, request: Request, pk: UUID) -> Response:
        """Replace the key's text; the former one stays valid for `overlap` seconds, by default a day.

        A key can rotate itself. To rotate another key, a key needs the scope `connections:write`.
        """
        values = validated(RotationSerializer(data=request.data))
        rotated = rotate_api_key(
            actor=actor_of(request),
            api_key_id=pk,
            overlap=timedelta(seconds=values["overlap"]),
            expires_at=values.get("expires_at"),
        )
        body = {**ApiKeySerializer(rotated.api_key).data, "key": rotated.text}
        return Response(body, headers={"Cache-Control": "no-store"})
