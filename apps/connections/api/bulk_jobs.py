"""The REST API of jobs that change or check many connections."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.connections.models import BulkItem, BulkJob, Level
from apps.connections.services.bulk_jobs import cancel_job, jobs_of, start_job
from apps.errors import NotFound
from apps.rest.fields import Id, QuerySerializer
from apps.rest.pagination import Pages, page_of
from apps.rest.views import StrictAPIView, validated
from apps.teams.actor import Actor
from apps.teams.authentication import actor_of
from apps.teams.idempotency import idempotent

MAX_CONNECTIONS = 1000
# API keys cannot hand connections over.
_BY_API = [choice for choice in BulkJob.Action.choices if choice[0] != BulkJob.Action.HAND_OVER]


class NewBulkJobSerializer(serializers.Serializer[Any]):
    """What to do with up to 1000 connections. `level` belongs to the action `share`."""

    action = serializers.ChoiceField(choices=_BY_API)
    connections = serializers.ListField(child=Id(), min_length=1, max_length=MAX_CONNECTIONS)
    level = serializers.ChoiceField(choices=Level.choices, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["action"] == BulkJob.Action.SHARE) != ("level" in attrs):
            raise ValidationError({"level": ["Give a level to share, and none for other actions."]})
        return attrs


class BulkJobSerializer(serializers.Serializer[BulkJob]):
    """A job and its progress: of the `total` connections, those that `succeeded`, `failed` and are `pending`."""

    id = serializers.UUIDField()
    action = serializers.ChoiceField(
        choices=BulkJob.Action.choices, help_text="`hand_over` is for jobs that a member started on a page."
    )
    level = serializers.CharField(help_text="With `share`; else empty.")
    status = serializers.ChoiceField(choices=BulkJob.Status.choices)
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    pending = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class BulkItemSerializer(serializers.Serializer[BulkItem]):
    """One connection: `code` is stable and empty unless it failed; `detail` is a message for people."""

    connection = serializers.UUIDField(source="connection_id")
    state = serializers.ChoiceField(choices=BulkItem.State.choices)
    code = serializers.CharField()
    detail = serializers.CharField()


class BulkJobFilterSerializer(QuerySerializer):
    """The filters of the list."""

    status = serializers.ChoiceField(choices=BulkJob.Status.choices, required=False)


class BulkItemFilterSerializer(QuerySerializer):
    """The filters of the results."""

    state = serializers.ChoiceField(choices=BulkItem.State.choices, required=False)


class InOrder(Pages):
    ordering = ("id",)


class BulkJobsView(StrictAPIView):
    """Jobs."""

    required_scopes = {"GET": "connections:read", "POST": "connections:write"}
    filters = BulkJobFilterSerializer
    pagination_class = Pages

    @extend_schema(
        operation_id="bulk_jobs_list", parameters=[BulkJobFilterSerializer], responses=BulkJobSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """The jobs that the caller created; owners and admins see all of the team. Kept for 30 days."""
        return page_of(self, jobs_of(actor_of(request)).filter(**self.query), BulkJobSerializer)

    @extend_schema(operation_id="bulk_jobs_create", request=NewBulkJobSerializer, responses={202: BulkJobSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        """Share, unshare, disconnect, check or refresh many connections. Each has an outcome of its own."""
        job = start_job(actor=actor_of(request), **validated(NewBulkJobSerializer(data=request.data)))
        return Response(BulkJobSerializer(job).data, status=202)


class BulkJobView(StrictAPIView):
    """One job."""

    required_scopes = {"GET": "connections:read", "DELETE": "connections:write"}

    @extend_schema(operation_id="bulk_jobs_retrieve", responses=BulkJobSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """The progress of a job."""
        return Response(BulkJobSerializer(_job(actor_of(request), pk)).data)

    @extend_schema(operation_id="bulk_jobs_cancel", responses={200: BulkJobSerializer})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Stop a job. What was done stays; repeating the request succeeds."""
        actor = actor_of(request)
        cancel_job(actor=actor, job=_job(actor, pk))
        return Response(BulkJobSerializer(_job(actor, pk)).data)


class BulkResultsView(StrictAPIView):
    """The connections of a job."""

    required_scope = "connections:read"
    filters = BulkItemFilterSerializer
    pagination_class = InOrder

    @extend_schema(
        operation_id="bulk_jobs_results",
        parameters=[BulkItemFilterSerializer],
        responses=BulkItemSerializer(many=True),
    )
    def get(self, request: Request, pk: UUID) -> Response:
        """The outcome of each connection, in the order of the request."""
        return page_of(self, _job(actor_of(request), pk).items.filter(**self.query), BulkItemSerializer)


def _job(actor: Actor, pk: UUID) -> BulkJob:
    job = jobs_of(actor).filter(pk=pk).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job
