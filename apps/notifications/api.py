"""REST API of webhooks, for owners and admins, and service keys with the scope `webhooks:write`."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit.querysets import was_done
from apps.errors import NotFound
from apps.notifications import webhooks
from apps.notifications.serializers import (
    DeliveryFilterSerializer,
    DeliverySerializer,
    IssuedWebhookSerializer,
    NewWebhookSerializer,
    ReplayedSerializer,
    ReplaySerializer,
    WebhookChangeSerializer,
    WebhookDetailSerializer,
    WebhookFilterSerializer,
    WebhookSerializer,
)
from apps.rest.pagination import Pages, page_of, with_tags
from apps.rest.views import StrictAPIView, require_empty_body, validated
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent


class WebhooksView(StrictAPIView):
    """The team's webhooks."""

    required_scopes = {"GET": "connections:read", "POST": "webhooks:write"}
    filters = WebhookFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="webhooks_list", parameters=[WebhookFilterSerializer], responses=WebhookSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        found = with_tags(webhooks.webhooks_of(actor_of(request)), self.query.get("tags", ""))
        if "external_id" in self.query:
            found = found.filter(external_id=self.query["external_id"])
        return page_of(self, found, WebhookSerializer)

    @extend_schema(
        operation_id="webhooks_create", request=NewWebhookSerializer, responses={201: IssuedWebhookSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a webhook. Only this response contains its signing secret."""
        issued = webhooks.create_webhook(actor=actor_of(request), **validated(NewWebhookSerializer(data=request.data)))
        return _response(issued.webhook, issued.secret, status=201)


class WebhookView(StrictAPIView):
    """One webhook."""

    required_scopes = {"GET": "connections:read", "PATCH": "webhooks:write", "DELETE": "webhooks:write"}

    @extend_schema(operation_id="webhooks_retrieve", responses=WebhookDetailSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(WebhookDetailSerializer(webhooks.webhook_of(actor_of(request), pk)).data)

    @extend_schema(operation_id="webhooks_update", request=WebhookChangeSerializer, responses=IssuedWebhookSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change, enable or disable it, or rotate its secret. The former secret also signs for one day."""
        actor = actor_of(request)
        values = validated(WebhookChangeSerializer(data=request.data))
        rotate = values.pop("rotate_secret", False)
        with transaction.atomic():
            webhook, secret = webhooks.change_webhook(actor=actor, webhook_id=pk, **values), None
            if rotate:
                issued = webhooks.rotate_secret(actor=actor, webhook_id=pk)
                webhook, secret = issued.webhook, issued.secret
        return _response(webhook, secret)

    @extend_schema(operation_id="webhooks_delete", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete it. Repeating the request succeeds."""
        actor = actor_of(request)
        try:
            webhooks.delete_webhook(actor=actor, webhook_id=pk)
        except NotFound:
            if not was_done(actor, action="webhook.deleted", target_id=str(pk)):
                raise
        return Response(status=204)


class WebhookTestView(StrictAPIView):
    """Test events."""

    required_scope = "webhooks:write"

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliverySerializer})
    @idempotent
    def post(self, request: Request, pk: UUID) -> Response:
        """Queue a test event. Its result is in the webhook's `deliveries` shortly after."""
        require_empty_body(request)
        delivery = webhooks.send_test(actor=actor_of(request), webhook_id=pk)
        delivery.refresh_from_db()
        return Response(DeliverySerializer(delivery).data, status=202)


class DeliveriesView(StrictAPIView):
    """The messages of a webhook, newest first. They are kept for 30 days."""

    required_scope = "connections:read"
    filters = DeliveryFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        parameters=[DeliveryFilterSerializer],
        responses=DeliverySerializer(many=True),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        webhook = webhooks.webhook_of(actor_of(request), pk)
        return page_of(self, webhook.deliveries.filter(**self.query), DeliverySerializer)


class RedeliveryView(StrictAPIView):
    """Repeated deliveries."""

    required_scope = "webhooks:write"

    @extend_schema(operation_id="webhooks_redeliver", request=None, responses={202: DeliverySerializer})
    @idempotent
    def post(self, request: Request, pk: UUID, delivery_id: str) -> Response:
        """Send a message again, unchanged and with the same ID."""
        require_empty_body(request)
        delivery = webhooks.redeliver(actor=actor_of(request), webhook_id=pk, delivery_id=delivery_id)
        return Response(DeliverySerializer(delivery).data, status=202)


class ReplayView(StrictAPIView):
    """Repeated deliveries since a time."""

    required_scope = "webhooks:write"

    @extend_schema(operation_id="webhooks_replay", request=ReplaySerializer, responses={202: ReplayedSerializer})
    @idempotent
    def post(self, request: Request, pk: UUID) -> Response:
        """Send finished messages again, unchanged and with the same IDs. Messages are kept for 30 days."""
        webhooks.webhook_of(actor_of(request), pk)
        values = validated(ReplaySerializer(data=request.data))
        queued = webhooks.replay(actor=actor_of(request), webhook_id=pk, **values)
        return Response({"queued": queued}, status=202)


def _response(webhook: Any, secret: str | None, *, status: int = 200) -> Response:
    body = {**WebhookSerializer(webhook).data, "secret": secret}
    return Response(body, status=status, headers={"Cache-Control": "no-store"})
