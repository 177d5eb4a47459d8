"""The serializers of sharing, connected workflows and usage."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.connections.models import Level
from apps.rest.fields import QuerySerializer

MAX_MEMBERS = 500


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "uuid"},
            {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "level": {"type": "string", "enum": Level.values},
                },
                "additionalProperties": False,
            },
        ]
    }
)
class MemberLevelField(serializers.Field[Any, Any, Any, Any]):
    """A member: an ID, with the common level, or `{"id", "level"}`."""

    def to_internal_value(self, data: Any) -> tuple[UUID, Level | None]:
        if isinstance(data, dict):
            unknown = sorted(set(data) - {"id", "level"})
            if unknown:
                raise serializers.ValidationError(f"There is no such field: {unknown[0][:60]}.")
            return _member_id(data.get("id")), _level(data["level"]) if "level" in data else None
        return _member_id(data), None

    def to_representation(self, value: Any) -> Any:
        return value


def _member_id(value: object) -> UUID:
    try:
        return UUID(str(value)) if isinstance(value, str) else _not_an_id()
    except ValueError:
        return _not_an_id()


def _not_an_id() -> UUID:
    raise serializers.ValidationError('Each member must be an ID or {"id": …, "level": …}.')


def _level(value: object) -> Level:
    if not isinstance(value, str) or value not in Level.values:
        raise serializers.ValidationError(f"The level must be one of {', '.join(Level.values)}.")
    return Level(value)


class SharingRequestSerializer(serializers.Serializer[Any]):
    """Personal, or shared with everyone in the team, with `members`, or both.

    `level` holds for everyone, and for members without a level of their own.
    """

    shared = serializers.BooleanField()
    level = serializers.ChoiceField(choices=Level.choices, required=False)
    members = serializers.ListField(
        child=MemberLevelField(),
        required=False,
        max_length=MAX_MEMBERS,
        help_text="IDs of members, or objects with `id` and `level`. Default: everyone in the team.",
    )
    everyone = serializers.BooleanField(
        required=False,
        help_text="With `members`: whether everyone in the team has access too, at `level`. Without `members`: true.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Returns `everyone` (a level or None) and `members` (levels by ID)."""
        if not attrs["shared"]:
            if extra := sorted(set(attrs) - {"shared"}):
                raise serializers.ValidationError({extra[0]: "A personal connection has no level and no members."})
            return {"shared": False}
        level = Level(attrs["level"]) if "level" in attrs else None
        listed: list[tuple[UUID, Level | None]] = attrs.get("members", [])
        with_everyone = attrs.get("everyone", "members" not in attrs)
        if level is None and (with_everyone or any(own is None for _, own in listed)):
            raise serializers.ValidationError({"level": "Give a level: use, view or manage."})
        members = {user_id: own or level for user_id, own in listed}
        if len(members) < len(listed):
            raise serializers.ValidationError({"members": "A member is listed twice."})
        return {"shared": True, "everyone": level if with_everyone else None, "members": members}


class SharedMemberSerializer(serializers.Serializer[Any]):
    """A member with a level of their own."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    level = serializers.ChoiceField(choices=Level.choices)


class SharingSerializer(serializers.Serializer[Any]):
    """With whom a connection is shared. `level` is null if not everyone has access. Owner and admins manage it."""

    connection = serializers.UUIDField()
    shared = serializers.BooleanField()
    level = serializers.ChoiceField(choices=Level.choices, allow_null=True)
    members = SharedMemberSerializer(many=True)


class WorkflowSerializer(serializers.Serializer[Any]):
    """A workflow that used the connection, the names of people it acted for, and the number of service keys."""

    id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    last_used_at = serializers.DateTimeField()
    people = serializers.ListField(child=serializers.CharField())
    keys = serializers.IntegerField()


class WorkflowsSerializer(serializers.Serializer[Any]):
    """Most recently used first, at most 200 of `total`."""

    total = serializers.IntegerField()
    results = WorkflowSerializer(many=True)


class UsagePeriodSerializer(QuerySerializer):
    """The number of days, today (UTC) included."""

    days = serializers.IntegerField(min_value=1, max_value=365, default=30)


class CountsSerializer(serializers.Serializer[Any]):
    """Numbers of calls."""

    calls = serializers.IntegerField()
    failures = serializers.IntegerField(help_text="Calls that the service refused, or that had no response.")
    refused = serializers.IntegerField(help_text="Calls and tokens that Specway refused; not among `calls`.")


class DaySerializer(CountsSerializer):
    """The calls of a day (UTC)."""

    day = serializers.DateField()


class UsageSerializer(CountsSerializer):
    """Calls and failures per day, oldest first, days without calls included."""

    since = serializers.DateField()
    until = serializers.DateField()
    days = DaySerializer(many=True)


class LimitSerializer(serializers.Serializer[Any]):
    """A rate limit: `quota` requests in `window` seconds. `RateLimit` headers say how many are left."""

    name = serializers.CharField()
    quota = serializers.IntegerField()
    window = serializers.IntegerField()


class TeamUsageSerializer(UsageSerializer):
    """The sums of the connections that the caller can see, their number, and the rate limits."""

    connections = serializers.IntegerField()
    limits = LimitSerializer(many=True)
