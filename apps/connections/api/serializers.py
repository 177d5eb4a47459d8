"""The serializers of connections."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.connections.messages import REASONS, status_message
from apps.connections.models import Connection, Level, TokenSet
from apps.connections.policy import scopes
from apps.connections.policy.access import level_of
from apps.connections.policy.outlook import failing_since, last_error, last_verified_at, usable_until
from apps.connections.policy.state import State, state_of
from apps.connections.services.connection_params import provider_of
from apps.errors import SpecwayError
from apps.integrations.models import KINDS_SENT_AS_ENTERED, Integration
from apps.rest.document import one_of_or_new
from apps.rest.fields import (
    ExternalId,
    Flag,
    Id,
    Ids,
    LabeledSerializer,
    Metadata,
    Number,
    QuerySerializer,
    Tags,
    Text,
    texts,
    time_in_utc,
)
from apps.teams.actor import Actor

_STATES = [State.WORKING.value, State.UNVERIFIED.value, State.NEEDS_ATTENTION.value]


class AccountSerializer(LabeledSerializer):
    """The account at the service."""

    subject = serializers.CharField()


@extend_schema_field(one_of_or_new(["", *REASONS]))
class ReasonField(serializers.CharField):
    """Why a connection needs attention; empty if it does not."""


class OwnerSerializer(serializers.Serializer[Any]):
    """The member who owns the connection."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class LastErrorSerializer(serializers.Serializer[Any]):
    """The last failed refresh or refused call. `detail` is a message for people."""

    code = serializers.CharField()
    detail = serializers.CharField()
    at = serializers.DateTimeField()


class ScopesSerializer(serializers.Serializer[Any]):
    """Granted, requested and missing scopes."""

    granted = serializers.ListField(child=serializers.CharField())
    requested = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())


class ConnectionSerializer(serializers.Serializer[Connection]):
    """A connection, from the caller's perspective.

    Its parts are built as dictionaries: serializers of their own would take longer than all else.
    """

    id = serializers.UUIDField()
    integration = serializers.SlugField(source="integration.slug")
    name = serializers.CharField()
    account = serializers.SerializerMethodField()
    site = serializers.CharField(
        help_text="The site, tenant or organization at the service that it uses; empty if the service has none."
    )
    kind = serializers.ChoiceField(source="integration.kind", choices=Integration.Kind.choices)
    owner = serializers.SerializerMethodField()
    sharing = serializers.SerializerMethodField()
    permission = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField(
        help_text="`unverified`: no call, refresh or verification has shown yet that the service accepts it."
    )
    status_reason = ReasonField()
    status_detail = serializers.SerializerMethodField()
    usable_until = serializers.SerializerMethodField(
        help_text="When it stops working unless a person acts; null if no end is known."
    )
    failing_since = serializers.SerializerMethodField(help_text="Null unless its last refreshes or calls failed.")
    last_error = serializers.SerializerMethodField(help_text="Null unless something is wrong.")
    last_verified_at = serializers.SerializerMethodField(
        help_text="When the service last issued a token for it, accepted its key, or answered a call with success."
    )
    scopes = serializers.SerializerMethodField()
    external_id = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField()
    expires_at = serializers.DateTimeField(source="token_set.expires_at", allow_null=True, default=None)
    last_used_at = serializers.DateTimeField(allow_null=True)
    next_refresh_at = serializers.DateTimeField(source="token_set.next_refresh_at", allow_null=True, default=None)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Connection) -> dict[str, Any]:
        """What the fields say, in a third of the time that they take: a page has 200 connections."""
        token_set: TokenSet | None = getattr(instance, "token_set", None)
        return {
            "id": str(instance.pk),
            "integration": instance.integration.slug,
            "name": instance.name,
            "account": self.get_account(instance),
            "site": instance.site,
            "kind": instance.integration.kind,
            "owner": self.get_owner(instance),
            "sharing": self.get_sharing(instance),
            "permission": self.get_permission(instance),
            "status": self.get_status(instance),
            "status_reason": instance.status_reason,
            "status_detail": self.get_status_detail(instance),
            "usable_until": self.get_usable_until(instance),
            "failing_since": self.get_failing_since(instance),
            "last_error": self.get_last_error(instance),
            "last_verified_at": self.get_last_verified_at(instance),
            "scopes": self.get_scopes(instance),
            "external_id": instance.external_id,
            "tags": instance.tags,
            "metadata": instance.metadata,
            "expires_at": token_set and time_in_utc(token_set.expires_at),
            "last_used_at": time_in_utc(instance.last_used_at),
            "next_refresh_at": token_set and time_in_utc(token_set.next_refresh_at),
            "created_at": time_in_utc(instance.created_at),
        }

    @extend_schema_field(AccountSerializer)
    def get_account(self, connection: Connection) -> Any:
        return {"label": connection.account_label, "subject": connection.account_subject}

    @extend_schema_field(OwnerSerializer)
    def get_owner(self, connection: Connection) -> Any:
        return {"id": str(connection.owner_id), "name": str(connection.owner)}

    def get_sharing(self, connection: Connection) -> str:
        return "shared" if connection.is_shared else "personal"

    def get_permission(self, connection: Connection) -> Level:
        actor: Actor = self.context["actor"]
        return level_of(actor, connection) or Level.USE

    @extend_schema_field(serializers.ChoiceField(choices=_STATES))
    def get_status(self, connection: Connection) -> str:
        return state_of(connection)

    def get_status_detail(self, connection: Connection) -> str:
        return status_message(connection)

    def get_usable_until(self, connection: Connection) -> datetime | None:
        return usable_until(connection)

    def get_failing_since(self, connection: Connection) -> datetime | None:
        return failing_since(connection)

    @extend_schema_field(LastErrorSerializer(allow_null=True))
    def get_last_error(self, connection: Connection) -> Any:
        error = last_error(connection)
        return {**error, "at": time_in_utc(error["at"])} if error else None

    def get_last_verified_at(self, connection: Connection) -> datetime | None:
        return last_verified_at(connection)

    @extend_schema_field(ScopesSerializer)
    def get_scopes(self, connection: Connection) -> Any:
        return scope_sets_of(connection)


def scope_sets_of(connection: Connection) -> dict[str, list[str]]:
    """Granted, requested and missing scopes of a connection."""
    granted, requested = connection.scopes_granted, connection.scopes_requested
    try:
        missing = scopes.missing(wanted=requested, granted=granted, provider=provider_of(connection))
    except SpecwayError:  # without the provider's aliases, the names are compared
        missing = sorted(set(requested) - set(granted))
    return {"granted": granted, "requested": requested, "missing": missing}


class ConnectionFilterSerializer(QuerySerializer):
    """The filters of the list. Unknown parameters are refused instead of ignored."""

    integration = serializers.SlugField(required=False)
    status = serializers.ChoiceField(choices=_STATES, required=False)
    sharing = serializers.ChoiceField(choices=["personal", "shared"], required=False)
    owner = Id(required=False)
    kind = serializers.ChoiceField(choices=Integration.Kind.choices, required=False)
    search = Text(
        required=False, max_length=100, help_text="Words in its name, its account's label or its integration's name."
    )
    name = Text(required=False, max_length=200, help_text="Its exact name.")
    id = Ids(required=False)
    account = Text(required=False, max_length=255, help_text="The exact subject or label of its account.")
    external_id = ExternalId(required=False)
    tags = Text(required=False, max_length=1100, help_text="Tags, separated by commas: those with all of them.")
    ordering = serializers.ChoiceField(choices=["-created_at", "created_at", "name", "-name"], default="-created_at")
    include = serializers.ChoiceField(
        choices=["total"], required=False, help_text="`total`: also return the number of all matches."
    )
    scopes = serializers.RegexField(
        r"^[\x20-\x7e]+$",
        required=False,
        max_length=2000,
        help_text="Required scopes, separated by spaces. API keys have no known scopes, so they always match.",
    )


class TokenRequestSerializer(serializers.Serializer[Any]):
    """The minimum lifetime of the token (seconds), and the scopes that the caller requires."""

    min_ttl = Number(min_value=0, max_value=86_400, default=0)
    strict = Flag(default=False, help_text="409 `min_ttl_not_met` if the token expires before `min_ttl`.")
    scopes = texts(default=list)


class TokenSerializer(serializers.Serializer[Any]):
    """A fresh access token. `expires_at` is null if the service does not report the expiry."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    ttl = serializers.IntegerField(allow_null=True, help_text="Seconds until it expires.")
    min_ttl_met = serializers.BooleanField(help_text="False if the service's tokens do not live that long.")
    scopes = serializers.ListField(child=serializers.CharField())
    missing_scopes = serializers.ListField(child=serializers.CharField())
    connection = serializers.UUIDField()


class NewConnectionSerializer(serializers.Serializer[Any]):
    """A connection to a service with an API key. `GET integrations/{slug}/` lists the required values."""

    integration = serializers.SlugField()
    name = Text(required=False, allow_blank=True, default="", max_length=200)
    fields = serializers.DictField(  # type: ignore[assignment] # DRF's metaclass takes the declared field away
        child=Text(max_length=8000, trim_whitespace=False),
        write_only=True,
        help_text="The values of the integration's `credential_fields`, by name. Never returned.",
    )
    params = serializers.DictField(child=Text(max_length=300), default=dict)
    scopes = texts(default=list)
    external_id = ExternalId(required=False)
    tags = Tags(required=False)
    metadata = Metadata(required=False)
    if_unchecked = serializers.ChoiceField(
        choices=["refuse", "store"],
        default="refuse",
        help_text="What to do if the service cannot be called to verify the values.",
    )


class ConnectionChangeSerializer(serializers.Serializer[Any]):
    """The changeable fields: the name, names of your own, and the values of an API key, of which omitted ones stay."""

    name = Text(required=False, max_length=200)
    external_id = ExternalId(required=False, allow_blank=True)
    tags = Tags(required=False)
    metadata = Metadata(required=False)
    fields = serializers.DictField(  # type: ignore[assignment] # as above
        child=Text(max_length=8000, trim_whitespace=False), required=False, write_only=True
    )
    params = serializers.DictField(
        child=Text(max_length=300),
        default=dict,
        help_text="With `fields`: parameters that the integration requires and the connection lacks.",
    )
    if_unchecked = serializers.ChoiceField(choices=["refuse", "store"], default="refuse")


class KeyMaterialSerializer(serializers.Serializer[Any]):
    """What an API key adds to each request. Scopes are not checked: only the service knows the key's permissions."""

    kind = serializers.ChoiceField(choices=[*KINDS_SENT_AS_ENTERED])
    headers = serializers.DictField(child=serializers.CharField())
    query = serializers.DictField(child=serializers.CharField())
    path_prefix = serializers.CharField(help_text="The start of every path; usually empty.")
    connection = serializers.UUIDField()


class DisconnectedSerializer(serializers.Serializer[Any]):
    """The result of a disconnect at the service."""

    revocation = serializers.ChoiceField(choices=["revoked", "unsupported", "failed", "none", "already_disconnected"])
    detail = serializers.CharField()
    manage_url = serializers.CharField(help_text="The service's page to manage remaining access, or empty.")
