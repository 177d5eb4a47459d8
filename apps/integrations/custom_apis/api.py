"""The REST API's doors to a team's own APIs: made, imported, changed and deleted by its owners and admins."""

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
from apps.teams.permissions import Action

_OF_THE_API = ("name", "description", "base_url", "params")
_OF_THE_CLIENT = ("client_id", "client_secret")


def create(request: Request) -> Response:
    """`POST integrations/`: an API of the caller's team, with its authentication as far as it is sent."""
    actor = _keeper(request)
    given = validated(NewCustomApiSerializer(data=request.data))
    with transaction.atomic():
        api = create_custom_api(actor=actor, **{name: given[name] for name in _OF_THE_API if name in given})
        api = _save(actor, api, given)
    return Response(_shown(api), status=201)


def change(request: Request, slug: str) -> Response:
    """`PATCH integrations/{slug}/`."""
    actor = actor_of(request)
    api = custom_api_named(actor, slug)
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    given = validated(CustomApiChangeSerializer(data=request.data))
    with transaction.atomic():
        own = {name: given[name] for name in _OF_THE_API if name in given}
        if own:
            api = change_custom_api(actor=actor, api=api, **own)
        api = _save(actor, api, given)
    return Response(_shown(api))


def delete(request: Request, slug: str) -> Response:
    """`DELETE integrations/{slug}/`: refused with their names while connections stand."""
    actor = actor_of(request)
    delete_custom_api(actor=actor, api=custom_api_named(actor, slug))
    return Response(status=204)


class ImportView(StrictAPIView):
    """A team's own API from its description."""

    required_scope = "connections:write"
    parser_classes = (JSONParser, MultiPartParser, FormParser)
    largest_body = 2 * LARGEST

    @extend_schema(operation_id="integrations_import", request=ImportSerializer, responses={201: CustomApiSerializer})
    def post(self, request: Request) -> Response:
        """Read OpenAPI 3.0, 3.1 or Swagger 2.0. The answer has what was recognized, and what is `missing`."""
        actor = _keeper(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) > 2 * LARGEST:
            raise InvalidInput([("document", f"The document is larger than {LARGEST // 1_000_000} MB.")])
        given = validated(ImportSerializer(data=request.data))
        sent = [name for name in ("url", "document", "file") if name in given]
        if len(sent) != 1:
            raise InvalidInput([("document", "Send exactly one of url, document and file.")])
        own = {name: given[name] for name in ("name", "base_url") if name in given}
        api = import_custom_api(actor=actor, **_document(actor, sent[0], given), **own)
        return Response(_shown(api), status=201)


def _document(actor: Actor, how: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if how == "url":
        url = given["url"]
        return {"content": fetch_description(actor=actor, url=url), "source": url, "document_url": url}
    if how == "document":
        return {"content": given["document"].encode(), "source": "pasted"}
    return {"content": given["file"].read(LARGEST + 1), "source": str(given["file"].name)[:200]}


def _save(actor: Actor, api: CustomApi, given: dict[str, Any]) -> CustomApi:
    client = {name: given[name] for name in _OF_THE_CLIENT if name in given}
    if not client and not (given.keys() & AuthenticationSerializer().fields.keys()):
        return api
    authentication = authentication_with(authentication_from(api.authentication), given)
    return save_authentication(actor=actor, api=api, authentication=authentication, **client)


def _keeper(request: Request) -> Actor:
    actor = actor_of(request)
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    return actor


def _shown(api: CustomApi) -> Any:
    return CustomApiSerializer(custom_api_for(api)).data


def custom_api_for(api: CustomApi) -> CustomApi:
    """As it stands now."""
    return CustomApi.objects.select_related("integration").get(pk=api.pk)
