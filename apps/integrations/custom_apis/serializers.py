"""Serializers of custom APIs: the fields of the Authentication tab, and of the import."""

from typing import Any, get_args

from rest_framework import serializers

from apps.integrations.custom_apis.response_serializers import (
    EndedTokenSerializer,
    ErrorRuleSerializer,
    SuccessCheckSerializer,
)
from apps.integrations.custom_apis.rule_lines import rules_from, signs_from
from apps.integrations.custom_apis.schema import (
    AUTH_METHODS,
    AUTH_TYPES,
    KEY_LOCATIONS,
    Authentication,
    BasicCredentials,
    CustomScope,
    FurtherKey,
    authentication_from,
)
from apps.integrations.custom_apis.services.queries import missing_of, oauth_client_of
from apps.integrations.models import CustomApi
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.oauth.paths import Check

_LONG = 2_000


class CustomScopeSerializer(serializers.Serializer[Any]):
    """A permission on offer. Without `access` it is derived from the name."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    access = serializers.ChoiceField(choices=["", "read", "write", "admin"], required=False, default="")
    default = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Selected beforehand; if omitted, it depends on `access`.",
    )


class FurtherKeySerializer(serializers.Serializer[Any]):
    """A key that is sent in addition to the first one."""

    name = serializers.CharField(max_length=100, help_text="The header or query parameter.")
    location = serializers.ChoiceField(choices=["header", "query"], required=False, default="header")


class CustomParamSerializer(serializers.Serializer[Any]):
    """A connection parameter, which URLs use as `{name}`."""

    name = serializers.RegexField("^[a-z][a-z0-9_]*$", max_length=60)
    label = serializers.CharField(max_length=100)  # type: ignore[assignment] # hides Field.label, unused here
    pattern = serializers.CharField(max_length=300, help_text="A regular expression that the whole value must match.")
    example = serializers.CharField(max_length=200)
    default = serializers.CharField(max_length=200, required=False, allow_blank=True)
    hint = serializers.CharField(max_length=300, required=False, allow_blank=True)
    optional = serializers.BooleanField(required=False)


class CustomHostSerializer(serializers.Serializer[Any]):
    """A further API host, which calls reach as `proxy/@name/path` with the same credentials."""

    name = serializers.RegexField("^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)
    base_url = serializers.CharField(max_length=_LONG)
    label = serializers.CharField(max_length=60)  # type: ignore[assignment] # hides Field.label, unused here


def _url(help_text: str = "") -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, max_length=_LONG, help_text=help_text)


def _path(standard: str) -> serializers.CharField:
    help_text = f"In the token response; empty for `{standard}`."
    return serializers.CharField(required=False, allow_blank=True, max_length=200, help_text=help_text)


class AuthenticationSerializer(serializers.Serializer[Any]):
    """How people sign in; `auth_type` decides which fields are used. All are optional; omitted ones stay."""

    auth_type = serializers.ChoiceField(choices=[*AUTH_TYPES], required=False)
    key_location = serializers.ChoiceField(choices=[*KEY_LOCATIONS], required=False)
    key_name = serializers.CharField(required=False, allow_blank=True, max_length=100)
    key_prefix = serializers.CharField(required=False, allow_blank=True, max_length=40)
    further_keys = FurtherKeySerializer(many=True, required=False)
    authorization_url = _url()
    token_url = _url()
    scopes = CustomScopeSerializer(many=True, required=False)
    issuer = _url("Compared exactly with `iss` and the metadata.")
    iss_required = serializers.BooleanField(required=False)
    scope_separator = serializers.CharField(required=False, max_length=1, trim_whitespace=False)
    token_endpoint_auth_method = serializers.ChoiceField(choices=[*AUTH_METHODS], required=False)
    pkce = serializers.BooleanField(required=False)
    authorization_params = serializers.DictField(child=serializers.CharField(max_length=500), required=False)
    token_params = serializers.DictField(child=serializers.CharField(max_length=500), required=False)
    audience = serializers.CharField(required=False, allow_blank=True, max_length=500)
    resource = serializers.CharField(required=False, allow_blank=True, max_length=500)
    refresh_url = _url()
    revocation_url = _url()
    registration_url = _url("The endpoint for dynamic client registration (RFC 7591).")
    account_url = _url("Returns the account that a token belongs to.")
    account_subject_path = serializers.CharField(required=False, allow_blank=True, max_length=200)
    account_label_path = serializers.CharField(required=False, allow_blank=True, max_length=200)
    request_token_url = _url("Of OAuth 1.0a only.")
    basic_credentials = serializers.ChoiceField(
        choices=[*get_args(BasicCredentials)],
        required=False,
        help_text="`raw` for servers that do not decode the ID and secret of `client_secret_basic`.",
    )
    scope_response_separator = serializers.CharField(
        required=False, allow_blank=True, max_length=1, trim_whitespace=False, help_text="Empty: spaces and commas."
    )
    access_token_path = _path("access_token")
    refresh_token_path = _path("refresh_token")
    expires_in_path = _path("expires_in")
    scope_path = _path("scope")
    success_check = SuccessCheckSerializer(required=False, allow_null=True)
    error_rules = ErrorRuleSerializer(many=True, required=False)
    ended_token = EndedTokenSerializer(many=True, required=False)


class CustomApiChangeSerializer(AuthenticationSerializer):
    """The body of `PATCH`. Omitted fields stay; secrets are never returned."""

    name = serializers.CharField(required=False, max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=60)
    base_url = serializers.CharField(required=False, max_length=_LONG)
    params = CustomParamSerializer(many=True, required=False)
    hosts = CustomHostSerializer(many=True, required=False)
    client_id = serializers.CharField(required=False, max_length=500)
    client_secret = serializers.CharField(required=False, max_length=5_000, write_only=True, trim_whitespace=False)
    further_key = serializers.CharField(
        required=False,
        max_length=5_000,
        write_only=True,
        help_text="The value of the one of `further_keys` that OAuth 2.0 needs beside the token.",
    )
    confirm_token_host = serializers.BooleanField(
        required=False,
        write_only=True,
        help_text="Confirms the host of a token URL from the document, where `missing` lists it.",
    )


class NewCustomApiSerializer(CustomApiChangeSerializer):
    """The body of `POST`: at least a name and a base URL; the rest can follow."""

    name = serializers.CharField(max_length=100)
    base_url = serializers.CharField(max_length=_LONG)


class ImportSerializer(serializers.Serializer[Any]):
    """An API document: exactly one of `url` (fetched without authentication), `document` (its text) and `file`."""

    url = serializers.CharField(required=False, max_length=_LONG)
    document = serializers.CharField(required=False, trim_whitespace=False)
    file = serializers.FileField(required=False)
    name = serializers.CharField(required=False, max_length=100, help_text="Instead of the document's title.")
    base_url = serializers.CharField(required=False, max_length=_LONG, help_text="Instead of the document's server.")


class NoteSerializer(serializers.Serializer[Any]):
    """A part of the document that could not be used."""

    where = serializers.CharField()
    sentence = serializers.CharField()


class RecognizedSerializer(serializers.Serializer[Any]):
    """A security scheme of the document; the first one was filled in."""

    name = serializers.CharField()
    words = serializers.CharField()


class CustomApiSerializer(AuthenticationSerializer):
    """A custom API as owners and admins see it."""

    id = serializers.UUIDField(source="integration.pk")
    slug = serializers.CharField(source="integration.slug")
    name = serializers.CharField(source="integration.name")
    description = serializers.CharField(source="integration.description")
    base_url = serializers.CharField()
    params = CustomParamSerializer(many=True)
    hosts = CustomHostSerializer(many=True)
    redirect_uri = serializers.CharField()
    client_id = serializers.CharField()
    has_client_secret = serializers.BooleanField()
    has_further_key = serializers.BooleanField(help_text="Whether one is stored for the present addresses.")
    is_set_up = serializers.BooleanField(help_text="Whether people can connect to it.")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="The fields that have to be filled in first."
    )
    filled_in = serializers.DictField(
        child=serializers.CharField(), help_text="The fields that were filled in automatically, and their source."
    )
    recognized = RecognizedSerializer(many=True)
    notes = NoteSerializer(many=True)
    operations = serializers.IntegerField(help_text="The number of operations in its document.")
    imported_from = serializers.CharField()

    def to_representation(self, instance: CustomApi) -> dict[str, Any]:
        authentication = authentication_from(instance.authentication)
        oauth_app = oauth_client_of(instance)
        values = authentication.as_json()
        values["auth_type"] = values.pop("type")
        return {
            "id": str(instance.pk),
            "slug": instance.integration.slug,
            "name": instance.integration.name,
            "description": instance.integration.description,
            "base_url": instance.base_url,
            "params": [{name: value for name, value in one.items() if name != "source"} for one in instance.params],
            "hosts": instance.hosts,
            **values,
            "redirect_uri": custom_api_redirect_uri(instance.integration),
            "client_id": oauth_app.client_id if oauth_app else "",
            "has_client_secret": bool(oauth_app and oauth_app.client_secret is not None),
            "has_further_key": bool(oauth_app and oauth_app.has_further_key),
            "is_set_up": instance.integration.definition is not None,
            "missing": missing_of(instance, authentication),
            "filled_in": instance.filled_in,
            "recognized": [{"name": one["name"], "words": one["words"]} for one in instance.schemes],
            "notes": instance.notes,
            "operations": instance.integration.operations.count(),
            "imported_from": instance.source,
        }


def authentication_with(before: Authentication, sent: dict[str, Any]) -> Authentication:
    """`before` with the fields that were sent."""
    values = {name: value for name, value in sent.items() if name in AuthenticationSerializer().fields}
    if "auth_type" in values:
        values["type"] = values.pop("auth_type")
    if "scopes" in values:
        values["scopes"] = tuple(CustomScope(**scope) for scope in values["scopes"])
    if values.get("success_check"):
        values["success_check"] = Check(**values["success_check"])
    if "error_rules" in values:
        values["error_rules"] = rules_from(values["error_rules"])
    if "ended_token" in values:
        values["ended_token"] = signs_from(values["ended_token"])
    if "further_keys" in values:
        values["further_keys"] = tuple(FurtherKey(**key) for key in values["further_keys"])
    return before.with_values(values)
