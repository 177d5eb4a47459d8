"""What the REST API takes and gives about sharing, connected workflows and usage."""

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
    """A member: an ID, who gets `level`, or `{"id", "level"}`."""

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
    raise serializers.ValidationError('Each member is an ID, or {"id": …, "level": …}.')


def _level(value: object) -> Level:
    if not isinstance(value, str) or value not in Level.values:
        raise serializers.ValidationError(f"A level is one of {', '.join(Level.values)}.")
    return Level(value)


class SharingRequestSerializer(serializers.Serializer[Any]):
    """Personal, or shared with everyone in the team, or with `members`, or both.

    `level` is everyone's, and that of each member who is named without a level.
    """

    shared = serializers.BooleanField()
    level = serializers.ChoiceField(choices=Level.choices, required=False)
    members = serializers.ListField(
        child=MemberLevelField(),
        required=False,
        max_length=MAX_MEMBERS,
        help_text="With whom: IDs of members, or objects with `id` and `level`. Left out: everyone in the team.",
    )
    everyone = serializers.BooleanField(
        required=False, help_text="Beside `members`, everyone in the team too, at `level`. Without `members`: true."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Gives `everyone` (a level or None) and `members` (levels by ID)."""
        if not attrs["shared"]:
            if extra := sorted(set(attrs) - {"shared"}):
                raise serializers.ValidationError({extra[0]: "A personal connection has no level and no members."})
            return {"shared": False}
        level = Level(attrs["level"]) if "level" in attrs else None
        listed: list[tuple[UUID, Level | None]] = attrs.get("members", [])
        with_everyone = attrs.get("everyone", "members" not in attrs)
        if level is None and (with_everyone or any(own is None for _, own in listed)):
            raise serializers.ValidationError({"level": "Say the level: use, view or manage."})
        members = {user_id: own or level for user_id, own in listed}
        if len(members) < len(listed):
            raise serializers.ValidationError({"members": "A member is named twice."})
        return {"shared": True, "everyone": level if with_everyone else None, "members": members}


class SharedMemberSerializer(serializers.Serializer[Any]):
    """A member with a level of their own."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    level = serializers.ChoiceField(choices=Level.choices)


class SharingSerializer(serializers.Serializer[Any]):
    """With whom a connection is shared. `level` null: not with everyone. Its owner and the team's admins manage it."""

    connection = serializers.UUIDField()
    shared = serializers.BooleanField()
    level = serializers.ChoiceField(choices=Level.choices, allow_null=True)
    members = SharedMemberSerializer(many=True)


class WorkflowSerializer(serializers.Serializer[Any]):
    """A workflow that used the connection. `people`: on whose behalf, by name; `keys`: how many service keys."""

    id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    last_used_at = serializers.DateTimeField()
    people = serializers.ListField(child=serializers.CharField())
    keys = serializers.IntegerField()


class WorkflowsSerializer(serializers.Serializer[Any]):
    """Lately used first, at most 200. `total`: how many there are."""

    total = serializers.IntegerField()
    results = WorkflowSerializer(many=True)


class UsagePeriodSerializer(QuerySerializer):
    """How many days, today (UTC) included."""

    days = serializers.IntegerField(min_value=1, max_value=365, default=30)


class DaySerializer(serializers.Serializer[Any]):
    """What happened on a day (UTC)."""

    day = serializers.DateField()
    calls = serializers.IntegerField()
    failures = serializers.IntegerField()


class UsageSerializer(serializers.Serializer[Any]):
    """Calls and failures for each day, oldest first, days without any included."""

    since = serializers.DateField()
    until = serializers.DateField()
    calls = serializers.IntegerField()
    failures = serializers.IntegerField()
    days = DaySerializer(many=True)
