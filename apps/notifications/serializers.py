"""Serializers of webhooks and deliveries."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.notifications.models import Delivery, Event, Payload, Webhook
from apps.rest.fields import ExternalId, Flag, Metadata, Moment, QuerySerializer, Tags, Text, texts


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook. `gave_up_at`: when Specway disabled it because nothing arrived."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=Event.choices))
    waiting = serializers.IntegerField(
        read_only=True, help_text="Messages that were not accepted yet and are sent again. 0: nothing failed."
    )
    next_try_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the first of these is sent again."
    )
    only_integrations = serializers.ListField(child=serializers.CharField())
    only_tags = serializers.ListField(child=serializers.CharField())
    header_names = serializers.ListField(
        child=serializers.CharField(), help_text="The names of further headers. Their values are never returned."
    )
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()

    class Meta:
        model = Webhook
        fields = [
            "id",
            "url",
            "description",
            "events",
            "payload",
            "is_on",
            "waiting",
            "next_try_at",
            "created_at",
            "last_success_at",
            "gave_up_at",
            "only_integrations",
            "only_tags",
            "header_names",
            "external_id",
            "tags",
            "metadata",
        ]


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """A message and its result. `answered`: the receiver's HTTP status."""

    class Meta:
        model = Delivery
        fields = ["id", "event", "status", "tries", "created_at", "last_try_at", "next_try_at", "answered", "problem"]


class DeliveryFilterSerializer(QuerySerializer):
    """The filters of a webhook's messages."""

    status = serializers.ChoiceField(choices=Delivery.Status.choices, required=False)
    event = Text(max_length=60, required=False, help_text="Such as connection.created.")


class WebhookDetailSerializer(WebhookSerializer):
    """A webhook with its latest messages."""

    deliveries = serializers.SerializerMethodField()

    @extend_schema_field(DeliverySerializer(many=True))
    def get_deliveries(self, webhook: Webhook) -> Any:
        return DeliverySerializer(webhook.deliveries.all()[:20], many=True).data

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "deliveries"]


class IssuedWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, which only this response contains."""

    secret = serializers.CharField(allow_null=True, help_text="Shown only once; null if it did not change.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class ReplaySerializer(serializers.Serializer[Any]):
    """Which finished messages are sent again: those created since then; with `status`, only those."""

    since = Moment()
    status = serializers.ChoiceField(choices=[Delivery.Status.DELIVERED, Delivery.Status.FAILED], required=False)


class ReplayedSerializer(serializers.Serializer[Any]):
    """The number of messages that are sent again."""

    queued = serializers.IntegerField()


class WebhookFilterSerializer(QuerySerializer):
    """The filters of the list."""

    external_id = ExternalId(required=False)
    tags = Text(required=False, max_length=1100, help_text="Tags, separated by commas: those with all of them.")


class WebhookOptionsSerializer(serializers.Serializer[Any]):
    """What may be set besides the URL and the events."""

    payload = serializers.ChoiceField(
        choices=Payload.choices,
        required=False,
        help_text="The body of messages: `standard`, or `slack` for a channel of Slack, Mattermost and others.",
    )
    only_integrations = texts(
        required=False, longest=100, most=100, help_text="Only events of these integrations (slugs); empty: all."
    )
    only_tags = Tags(required=False, help_text="Only events of connections and sessions with one of these tags.")
    headers = serializers.DictField(
        child=Text(max_length=2000),
        required=False,
        write_only=True,
        help_text="Up to 10 further headers of each request, such as Authorization. They replace the stored ones.",
    )
    external_id = ExternalId(required=False, allow_blank=True)
    tags = Tags(required=False)
    metadata = Metadata(required=False)


class NewWebhookSerializer(WebhookOptionsSerializer):
    """A new webhook."""

    url = Text(max_length=1000, help_text="A public https URL.")
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=Event.choices), allow_empty=False, max_length=20
    )
    description = Text(max_length=200, required=False, allow_blank=True, default="")


class WebhookChangeSerializer(WebhookOptionsSerializer):
    """Changes of a webhook; omitted fields stay. With `rotate_secret`, the response contains a new secret."""

    url = Text(max_length=1000, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=Event.choices), allow_empty=False, max_length=20, required=False
    )
    description = Text(max_length=200, required=False, allow_blank=True)
    is_on = Flag(required=False)
    rotate_secret = Flag(required=False)
