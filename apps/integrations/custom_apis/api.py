"""API views of custom APIs: create, import, change and delete, by owners and admins."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.integrations.custom_apis.openapi import LARGEST
from apps.integrations.custom_apis.schema import authentication_from
from apps.integrations.custom_apis.serializers import (
    AuthenticationSerializer,
    CustomApiChangeSerializer,
    CustomApiSerializer,
    ImportSerializer,
    NewCustomApiSerializer,
    authentication_with,
)
from apps.integrations.custom_apis.services.apis import (
    change_custom_api,
    create_custom_api,
    delete_custom_api,
    save_authentication,
)
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.custom_apis.services.queries import custom_api_named
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi
from apps.rest.parsers import JSONParser
from apps.rest.views import StrictAPIView, validated
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent
from apps.teams.permissions import Action

_API_FIELDS = ("name", "description", "base_url", "params", "hosts")
_CLIENT_FIELDS = ("client_id", "client_secret", "further_key", "confirm_token_host")


def create(request: Request) -> Response:
    """`POST integrations/`: a custom API of the caller's team, with the authentication fields that were sent."""
    actor = _require_manager(request)
    sent = validated(NewCustomApiSerializer(data=request.data))
    with transaction.atomic():
        api = create_custom_api(actor=actor, **{name: sent[name] for name in _API_FIELDS if name in sent})
        api = _save(actor, api, sent)
    return Response(_represented(api), status=201)


def change(request: Request, slug: str) -> Response:
    """`PATCH integrations/{slug}/`."""
    actor = actor_of(request)
    api = custom_api_named(actor, slug)
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    sent = validated(CustomApiChangeSerializer(data=request.data))
    with transaction.atomic():
        own = {name: sent[name] for name in _API_FIELDS if name in sent}
        if own:
            api = change_custom_api(actor=actor, api=api, **own)
        api = _save(actor, api, sent)
    return Response(_represented(api))


def delete(request: Request, slug: str) -> Response:
    """`DELETE integrations/{slug}/`: refused while it has connections, which the error names."""
    actor = actor_of(request)
    delete_custom_api(actor=actor, api=custom_api_named(actor, slug))
    return Response(status=204)


class ImportView(StrictAPIView):
    """Import of a custom API from its document."""

    required_scope = "integrations:write"
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    largest_body = 2 * LARGEST

    @extend_schema(operation_id="integrations_import", request=ImportSerializer, responses={201: CustomApiSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Import OpenAPI 3.0 to 3.2 or Swagger 2.0. The response lists what was `recognized` and what is `missing`."""
        actor = _require_manager(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) > 2 * LARGEST:
            raise InvalidInput([("document", f"The document is larger than {LARGEST // 1_000_000} MB.")])
        sent = validated(ImportSerializer(data=request.data))
        sources = [name for name in ("url", "document", "file") if name in sent]
        if len(sources) != 1:
            raise InvalidInput([("document", "Send exactly one of url, document and file.")])
        own = {name: sent[name] for name in ("name", "base_url") if name in sent}
        api = import_custom_api(actor=actor, **_document(actor, sources[0], sent), **own)
        return Response(_represented(api), status=201)


def _document(actor: Actor, source: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    if source == "url":
        url = sent["url"]
        return {"content": fetch_description(actor=actor, url=url), "source": url, "document_url": url}
    if source == "document":
        return {"content": sent["document"].encode(), "source": "pasted"}
    return {"content": sent["file"].read(LARGEST + 1), "source": str(sent["file"].name)[:200]}


def _save(actor: Actor, api: CustomApi, sent: dict[str, Any]) -> CustomApi:
    client = {name: sent[name] for name in _CLIENT_FIELDS if name in sent}
    if not client and not (sent.keys() & AuthenticationSerializer().fields.keys()):
        return api
    authentication = authentication_with(authentication_from(api.authentication), sent)
    return save_authentication(actor=actor, api=api, authentication=authentication, **client)


def _require_manager(request: Request) -> Actor:
    actor = actor_of(request)
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    return actor


def _represented(api: CustomApi) -> Any:
    return CustomApiSerializer(custom_api_for(api)).data


def custom_api_for(api: CustomApi) -> CustomApi:
    """The current row."""
    return CustomApi.objects.select_related("integration").get(pk=api.pk)
