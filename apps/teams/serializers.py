"""Serializers of the caller and of API keys."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.rest.fields import Moment, Number, QuerySerializer, Text
from apps.teams import browser_tokens, keys
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Membership, Role, Team, User

MAX_OVERLAP = 7 * 86_400  # seconds


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ["id", "name"]


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ["id", "email", "name"]


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """An API key, without its secret."""

    user = UserSerializer(
        read_only=True, allow_null=True, help_text="The member a personal key acts as; who created a service key."
    )
    scopes: serializers.Field[Any, Any, Any, Any] = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "prefix",
            "kind",
            "user",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "former_until",
        ]
        extra_kwargs = {
            "former_until": {"help_text": "After a rotation: until when the former text is accepted; else null."}
        }


class MeSerializer(serializers.Serializer[Actor]):
    """The caller: team, member or service key, and scopes."""

    team = TeamSerializer()
    kind = serializers.SerializerMethodField(help_text="How the caller authenticated: personal, service or session.")
    user = UserSerializer(allow_null=True, help_text="The member; null for a service key.")
    role = serializers.CharField(allow_null=True, help_text="owner, admin or member; null for a service key.")
    key = serializers.SerializerMethodField(help_text="The API key; null for a browser session.")
    scopes = serializers.SerializerMethodField(help_text="The caller's scopes.")

    def get_kind(self, actor: Actor) -> str:
        return actor.api_key.kind if actor.api_key else "session"

    @extend_schema_field(ApiKeySerializer(allow_null=True))
    def get_key(self, actor: Actor) -> dict[str, Any] | None:
        return ApiKeySerializer(actor.api_key).data if actor.api_key else None

    def get_scopes(self, actor: Actor) -> list[str]:
        return [scope for scope in keys.SCOPES if actor.has_scope(scope)]


class MemberSerializer(serializers.Serializer[Membership]):
    """A member of the team. `id` is what connect sessions, filters and sharing take."""

    id = serializers.UUIDField(source="user_id")
    name = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    role = serializers.ChoiceField(choices=Role.choices)
    joined_at = serializers.DateTimeField(source="created_at")


class MemberFilterSerializer(QuerySerializer):
    """The filters of the list of members."""

    search = Text(required=False, max_length=100, help_text="Words in the name or e-mail address.")
    email = Text(required=False, max_length=254, help_text="The exact e-mail address.")
    role = serializers.ChoiceField(choices=Role.choices, required=False)


class NewApiKeySerializer(serializers.Serializer[ApiKey]):
    """A new key. `expires_at` null: it does not expire."""

    name = Text(max_length=100)
    kind = serializers.ChoiceField(choices=ApiKey.Kind.choices, default=ApiKey.Kind.PERSONAL)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(keys.SCOPES)), allow_empty=False, max_length=20
    )
    expires_at = Moment(allow_null=True)

    def validate_expires_at(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This must be in the future.")
        return value


class NewBrowserTokenSerializer(serializers.Serializer[ApiKey]):
    """For pages of which origin, with which of the key's scopes, and for how long (seconds)."""

    origin = Text(max_length=300, help_text="One of BROWSER_ORIGINS, such as https://app.example.com.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(browser_tokens.SCOPES)), allow_empty=False, max_length=20
    )
    expires_in = Number(
        min_value=browser_tokens.MIN_SECONDS, max_value=browser_tokens.MAX_SECONDS, default=browser_tokens.MAX_SECONDS
    )

    def validate_origin(self, value: str) -> str:
        if value not in settings.BROWSER_ORIGINS:
            raise serializers.ValidationError("This is not one of the origins in BROWSER_ORIGINS.")
        return value


class BrowserTokenSerializer(serializers.Serializer[ApiKey]):
    """A token, which only this response contains."""

    token = serializers.CharField()
    origin = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField()


class RotationSerializer(serializers.Serializer[ApiKey]):
    """How long the former text of the key stays valid (seconds), and a new expiry of the key."""

    overlap = Number(min_value=0, max_value=MAX_OVERLAP, default=86_400)
    expires_at = Moment(required=False, help_text="Default: unchanged.")


class CreatedApiKeySerializer(ApiKeySerializer):
    """A new key with its text, which only this response contains."""

    key = serializers.CharField(read_only=True, help_text="Shown only once.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
