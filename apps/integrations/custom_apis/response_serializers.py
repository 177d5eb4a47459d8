"""Serializers of what a custom API says about responses."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.integrations.custom_apis.response_validation import MAX_VALUES
from apps.integrations.custom_apis.rule_lines import MEANS


@extend_schema_field({"type": ["string", "integer", "boolean"]})
class ScalarField(serializers.Field[Any, Any, Any, Any]):
    """Text of at most 200 characters, an integer, or true or false."""

    default_error_messages = {"invalid": "Enter a text, an integer, or true or false."}

    def to_internal_value(self, data: Any) -> str | int | bool:
        """As it is. Raises ValidationError for anything else."""
        is_text = isinstance(data, str) and len(data) <= 200 and data.isprintable()
        if not is_text and not (isinstance(data, int) and abs(data) < 10**15):
            self.fail("invalid")
        result: str | int | bool = data
        return result

    def to_representation(self, value: Any) -> Any:
        return value


class ConditionsSerializer(serializers.Serializer[Any]):
    """Conditions on a response, which must all hold; at least `statuses` or `path`."""

    statuses = serializers.ListField(
        child=serializers.IntegerField(min_value=100, max_value=599), required=False, default=list, max_length=20
    )
    path = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="Such as `error.code`."
    )
    values = serializers.ListField(
        child=ScalarField(),
        required=False,
        default=list,
        max_length=MAX_VALUES,
        help_text="Those at `path`; empty for any. In a list, one of its items has to match.",
    )
    description = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=200, help_text="A text that occurs in the response."
    )


class ErrorRuleSerializer(ConditionsSerializer):
    """What the service means by an error of its token endpoint. The first rule that matches decides."""

    means = serializers.ChoiceField(choices=[*MEANS])


class EndedTokenSerializer(ConditionsSerializer):
    """A response of the API, other than a 401, by which it says that the token has ended."""


class SuccessCheckSerializer(serializers.Serializer[Any]):
    """A token response is a success only if the value at `path` equals `equals`."""

    path = serializers.CharField(max_length=200)
    equals = ScalarField()
