"""The API view of *Check configuration*."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.services.queries import custom_api_named
from apps.teams.authentication import actor_of


class FindingSerializer(serializers.Serializer[Any]):
    """One finding. `code` is stable; `fix` is empty where there is nothing to correct."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=["ok", "advice", "fault"])
    title = serializers.CharField()
    detail = serializers.CharField(source="sentence")
    fix = serializers.CharField()
    field = serializers.CharField(help_text="The field that the fix is about, or empty.")


class CheckUpSerializer(serializers.Serializer[Any]):
    """The findings, faults first."""

    checked_at = serializers.DateTimeField(source="at")
    findings = FindingSerializer(many=True)


class CheckView(APIView):
    """*Check configuration* of a custom API."""

    required_scope = "integrations:write"

    @extend_schema(operation_id="integrations_check", request=None, responses=CheckUpSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Check the stored configuration at the service (owners and admins). Nothing is changed."""
        actor = actor_of(request)
        check_up = check_configuration(actor=actor, api=custom_api_named(actor, slug))
        return Response(CheckUpSerializer(check_up).data)
