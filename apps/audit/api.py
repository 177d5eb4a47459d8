"""REST API of the audit log: pages of events, or an export."""

from typing import Any, cast

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from apps.audit.export import COLUMNS, CSV, JSON_LINES, SUFFIXES, export
from apps.audit.models import AuditEvent
from apps.audit.querysets import apply_filters, visible_to
from apps.rest.fields import Id, Moment, QuerySerializer
from apps.rest.pagination import Pages, page_of
from apps.rest.views import StrictAPIView


class EventFilter(QuerySerializer):
    """The filters of the log."""

    integration = serializers.SlugField(required=False, max_length=100)
    connection = Id(required=False)
    actor = Id(required=False, help_text="The ID of a member or of a service key.")
    action = serializers.RegexField(
        r"^[a-z_]+(\.[a-z_]+)?$", required=False, max_length=60, help_text="Such as connection.created."
    )
    since = Moment(required=False, help_text="Events from this time on.")
    until = Moment(required=False, help_text="Events before this time.")
    outcome = serializers.ChoiceField(choices=AuditEvent.Outcome.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "until" in attrs and attrs["since"] > attrs["until"]:
            raise ValidationError({"until": ["This is before `since`."]})
        return attrs


class EventSerializer(serializers.ModelSerializer[AuditEvent]):
    """An event. Labels are those at the time of the event."""

    detail = serializers.DictField(help_text="Further values, depending on the action.")

    class Meta:
        model = AuditEvent
        fields = list(COLUMNS)


class ByNumber(Pages):
    """Newest first. IDs are ascending."""

    ordering = ("-id",)


class CsvNegotiation(JSONRenderer):
    """Accepts `text/csv`. Only problem documents are rendered by it; the export is streamed."""

    media_type, format = CSV, "csv"


class JsonLinesNegotiation(JSONRenderer):
    media_type, format = JSON_LINES, "jsonl"


class AuditEventsView(StrictAPIView):
    """The team's events for owners, admins and service keys; their own events for members."""

    required_scope = "audit:read"
    filters = EventFilter
    pagination_class = ByNumber
    renderer_classes = [JSONRenderer, CsvNegotiation, JsonLinesNegotiation]

    @extend_schema(
        operation_id="audit_events_list",
        parameters=[EventFilter],
        responses={
            (200, "application/json"): EventSerializer(many=True),
            (200, CSV): OpenApiResponse(str, description="All matching events, one per row."),
            (200, JSON_LINES): OpenApiResponse(str, description="All matching events, one per line."),
        },
    )
    def get(self, request: Request) -> Any:
        """A page of events; with `Accept: text/csv` or `application/x-ndjson`, all of them as a file."""
        actor = cast(Any, request._request).actor
        events = apply_filters(visible_to(actor), self.query)
        media_type = getattr(request.accepted_renderer, "media_type", "")
        if media_type not in SUFFIXES:
            return page_of(self, events, EventSerializer)
        return export(
            events, media_type=media_type, origin=actor.origin, team_id=actor.team.pk, filters=dict(self.query)
        )
