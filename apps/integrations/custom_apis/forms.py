"""The forms of custom APIs: create, import, and the Authentication tab."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.custom_apis.openapi import LARGEST
from apps.integrations.custom_apis.response_fields import (
    RESPONSES,
    ResponseFields,
    host_lines,
    hosts_field,
    response_initial,
)
from apps.integrations.custom_apis.schema import (
    IDENTITY_SCOPES,
    NAMES,
    Authentication,
    CustomScope,
    FurtherKey,
    authentication_from,
)
from apps.integrations.custom_apis.token_host import host_to_confirm
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, OAuthApp
from apps.vault.forms import SecretFormField, WriteOnlySecretWidget

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_PLAIN = {"autocomplete": "off", "spellcheck": "false", "class": "input--mono"}
_TYPES = {
    "none": _("None"),
    "api_key": _("API key"),
    "basic": _("Basic"),
    "oauth2": "OAuth 2.0",
    "oauth2_client_credentials": _("Client credentials"),
    "oauth1": "OAuth 1.0a",
}
_LOCATIONS = {"bearer": _("Authorization header (bearer)"), "header": _("A header"), "query": _("The query")}
_METHODS = {
    "client_secret_basic": _("Header (client_secret_basic)"),
    "client_secret_post": _("In the body (client_secret_post)"),
    "none": _("None: a public client, with PKCE"),
}
_SEPARATORS = {" ": _("Space"), ",": _("Comma"), ";": _("Semicolon"), "+": _("Plus"), "|": _("Vertical bar")}
ADVANCED = (
    "issuer", "token_endpoint_auth_method", "scope_separator", "pkce", "audience", "resource", "authorization_params",
    "token_params", "refresh_url", "revocation_url", "registration_url",
)  # fmt: skip
FURTHER_KEYS_HINT = _(
    "Keys that are sent as well, one per line: header X-App-Id, or query app_id. Beside a token, only one."
)
ACCOUNT = ("account_url", "account_subject_path", "account_label_path")


class _Form(forms.Form):
    def show(self, error: InvalidInput) -> None:
        """Add each message to its field."""
        for name, message in error.errors:
            self.add_error(name if name in self.fields else None, message)


def _text(
    label: "StrOrPromise", hint: "StrOrPromise" = "", *, required: bool = False, longest: int = 2_000
) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=hint, required=required, max_length=longest, widget=forms.TextInput(attrs=dict(_PLAIN))
    )


def _lines(label: "StrOrPromise", hint: "StrOrPromise", rows: int = 3, longest: int = 200_000) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "input--mono"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=longest, widget=widget)


def _secret(label: "StrOrPromise", hint: "StrOrPromise" = "") -> SecretFormField:
    widget = WriteOnlySecretWidget(attrs={"class": "input--mono"})
    return SecretFormField(label=label, help_text=hint, required=False, widget=widget)


def _choice(
    label: "StrOrPromise", choices: "Mapping[str, StrOrPromise]", hint: "StrOrPromise" = ""
) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[*choices.items()], help_text=hint)


class CustomApiForm(_Form):
    """Name and base URL."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    base_url = _text(_("Base URL"), _("The URL of the API, such as https://api.example.com/v2."), required=True)
    description = forms.CharField(label=_("Description (optional)"), max_length=60, required=False)


class OverviewForm(CustomApiForm):
    """The Overview tab: also the further hosts."""

    hosts = hosts_field()

    @staticmethod
    def values_of(api: CustomApi) -> dict[str, str]:
        """The stored values."""
        name, description = api.integration.name, api.integration.description
        return {"name": name, "base_url": api.base_url, "description": description, "hosts": host_lines(api.hosts)}


class ImportForm(_Form):
    """A document: uploaded, pasted, or fetched from a URL; exactly one of these."""

    file = forms.FileField(label=_("File"), required=False, help_text=_("JSON or YAML, up to 10 MB."))
    url = _text("URL", _("Fetched by the Specway server, without authentication."))
    document = _lines(_("Pasted text"), _("The whole document."), rows=6, longest=LARGEST)
    base_url = _text(_("Base URL (optional)"), _("Only if the document has none, or the wrong one."))

    def clean(self) -> dict[str, Any]:
        """Exactly one source."""
        cleaned = super().clean() or {}
        if not self.errors and sum(bool(cleaned.get(name)) for name in ("file", "url", "document")) != 1:
            raise forms.ValidationError(gettext("Choose a file, enter a URL or paste the document: one of the three."))
        if cleaned.get("file") and cleaned["file"].size > LARGEST:
            self.add_error("file", gettext("The document is larger than %(value)s MB.") % {"value": LARGEST // 1000000})
        return cleaned


class AuthenticationForm(ResponseFields, _Form):
    """The Authentication tab. The stored client secret is never rendered."""

    type = forms.ChoiceField(label=_("How people sign in"), choices=[*_TYPES.items()], widget=forms.RadioSelect)
    key_location = _choice(_("Where the key goes"), _LOCATIONS)
    key_name = _text(_("Name of the header or parameter"), _("Such as X-API-Key."), longest=100)
    key_prefix = _text(
        _("Prefix of the key (optional)"), _("Such as Token. If empty: Bearer for bearer keys."), longest=40
    )
    further_keys = _lines(_("Further keys (optional)"), FURTHER_KEYS_HINT)
    further_key = _secret(_("Value of the further key"), _("Sent with each call, if a further key is listed above."))
    request_token_url = _text(_("URL of request tokens"))
    authorization_url = _text(_("Authorization URL"))
    token_url = _text(_("Token URL"))
    confirm_token_host = forms.BooleanField(label=_("Send secrets to this host"), required=False)
    client_id = _text(_("Client ID"), longest=500)
    client_secret = _secret(_("Client secret"))
    scopes = _lines(_("Scopes"), _("One per line: its name, then optionally a description."), rows=5)
    issuer = _text(_("Issuer"), _("Compared exactly with the issuer in the server’s metadata."))
    token_endpoint_auth_method = _choice(_("Client authentication"), _METHODS)
    scope_separator = _choice(_("Scope separator"), _SEPARATORS)
    pkce = forms.BooleanField(
        label="PKCE (S256)",
        required=False,
        help_text=_("Turn it off only if the service rejects it."),
    )
    audience = _text(_("Audience"), longest=500)
    resource = _text(_("Resource"), longest=500)
    authorization_params = _lines(_("Extra parameters of the authorization request"), _("One name=value per line."))
    token_params = _lines(_("Extra parameters of token requests"), _("One name=value per line."))
    refresh_url = _text(_("Refresh URL"), _("Only if it differs from the token URL."))
    revocation_url = _text(_("Revocation URL"))
    registration_url = _text(_("Registration URL"), _("The endpoint for dynamic client registration (RFC 7591)."))
    account_url = _text(_("Account endpoint"), _("Returns the account that a token belongs to."))
    account_subject_path = _text(_("Path of the account’s ID"), _("In its response, such as data.id."), longest=200)
    account_label_path = _text(_("Path of the account’s name"), _("In its response, such as data.email."), longest=200)
    from_discovery = forms.CharField(required=False, max_length=1_000, widget=forms.HiddenInput)
    # The position of the security scheme that filled the form.
    scheme = forms.CharField(required=False, max_length=3, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any,
        *,
        before: Authentication,
        oauth_app: OAuthApp | None,
        marks: Mapping[str, str],
        schemes: Sequence[Mapping[str, Any]] = (),
        chosen: str = "",
    ) -> None:
        self.before, self.marks = before, dict(marks)
        self.chosen = scheme_at(schemes, data.get("scheme", "") if data else chosen)
        shown = with_scheme(before, self.chosen, marks) if self.chosen else before
        super().__init__(data, initial=_initial(shown, oauth_app) | {"scheme": chosen if self.chosen else ""})
        self.fields["scope_separator"].strip = False  # type: ignore[attr-defined]
        if oauth_app is not None and oauth_app.client_secret is not None:
            self.fields["client_secret"].help_text = gettext(
                "A secret is stored. Leave empty to keep it, unless a URL changes."
            )
        if oauth_app is not None and oauth_app.has_further_key:
            self.fields["further_key"].help_text = gettext(
                "A key is stored. Leave empty to keep it, unless a URL changes."
            )

    @property
    def advanced(self) -> list[forms.BoundField]:
        return [self[name] for name in ADVANCED]

    @property
    def account(self) -> list[forms.BoundField]:
        return [self[name] for name in ACCOUNT]

    @property
    def responses(self) -> list[forms.BoundField]:
        return [self[name] for name in RESPONSES]

    @property
    def authentication(self) -> Authentication:
        """The entered settings."""
        cleaned = self.cleaned_data
        values = {name: cleaned[name] for name in NAMES if name in cleaned}
        is_discovered = "scopes" in cleaned["from_discovery"].split(",")
        values["scopes"] = scopes_in(cleaned["scopes"], self.before, is_discovered=is_discovered)
        for name in ("authorization_params", "token_params"):
            values[name] = params_in(cleaned[name])
        values["basic_credentials"] = values["basic_credentials"] or "encoded"
        values["further_keys"] = further_keys_in(cleaned["further_keys"])
        values["iss_required"] = self.before.iss_required and values["issuer"] == self.before.issuer
        return self.before.with_values(values)

    @property
    def filled_in(self) -> dict[str, str]:
        """The fields that were filled in automatically: unchanged marked ones, and those from discovery."""
        after, before = self.authentication.as_json(), self.before.as_json()
        kept = {name: mark for name, mark in self.marks.items() if after.get(name) == before.get(name)}
        if self.chosen:
            kept = dict.fromkeys(
                (name for name in filled_by(self.chosen) if after[name] == self.chosen[name]), "document"
            )
        found = [name for name in self.cleaned_data["from_discovery"].split(",") if name in NAMES]
        return kept | {name: "discovery" for name in found if name not in kept}

    def token_host(self, *, base_url: str, source: str) -> str:
        """The host of the token URL in the form that has to be confirmed before it is saved; "" for none."""
        shown = self.before.with_values({name: str(self[name].value() or "") for name in ("type", "token_url")})
        marks = self.marks if shown.token_url == self.before.token_url else {}
        is_chosen = bool(self.chosen) and shown.token_url == self.chosen["token_url"]
        return host_to_confirm(shown, base_url=base_url, source=source, marks=marks, chosen=is_chosen)

    @property
    def client(self) -> dict[str, str | None]:
        """Client ID, secret and further key as the service takes them; None keeps the stored value."""
        return {name: self.cleaned_data[name] or None for name in ("client_id", "client_secret", "further_key")}


def _initial(authentication: Authentication, oauth_app: OAuthApp | None) -> dict[str, Any]:
    values = authentication.as_json()
    values["scopes"] = "\n".join(f"{scope.name} {scope.description}".strip() for scope in authentication.scopes)
    for name in ("authorization_params", "token_params"):
        values[name] = "\n".join(f"{key}={value}" for key, value in values[name].items())
    values |= response_initial(authentication)
    values["further_keys"] = "\n".join(f"{key.location} {key.name}" for key in authentication.further_keys)
    return values | {"client_id": oauth_app.client_id if oauth_app else ""}


def scheme_at(schemes: Sequence[Mapping[str, Any]], position: str) -> dict[str, Any]:
    """The settings of the security scheme at this position; empty where there is none."""
    is_number = position.isascii() and position.isdecimal() and len(position) <= 3
    found = schemes[int(position)] if is_number and int(position) < len(schemes) else {}
    return authentication_from(found["authentication"]).as_json() if found else {}


def filled_by(scheme: Mapping[str, Any]) -> list[str]:
    """The fields that the scheme fills in."""
    defaults = Authentication().as_json()
    return ["type", *(name for name in NAMES if scheme[name] != defaults[name] and name != "type")]


def with_scheme(before: Authentication, scheme: Mapping[str, Any], marks: Mapping[str, str]) -> Authentication:
    """`before` with the fields of this scheme; those that another scheme filled in are reset."""
    defaults = Authentication().as_json()
    values = before.as_json() | {name: defaults[name] for name, mark in marks.items() if mark != "discovery"}
    return authentication_from(values | {name: scheme[name] for name in filled_by(scheme)})


def scopes_in(text: str, before: Authentication, *, is_discovered: bool = False) -> tuple[CustomScope, ...]:
    """One scope per line: name, space, description. Access and default of stored scopes stay; of discovered ones only
    those that identify the user or keep access are selected beforehand."""
    known = {scope.name: scope for scope in before.scopes}
    scopes = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, description = line.partition(" ")
        scope = known.get(name) or CustomScope(name=name, default=name in IDENTITY_SCOPES if is_discovered else None)
        scopes.append(replace(scope, description=description.strip()))
    return tuple(scopes)


def further_keys_in(text: str) -> tuple[FurtherKey, ...]:
    """One key per line: its location (a header unless it says query) and its name."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    keys = []
    for parts in lines:
        location = parts[0].lower() if len(parts) == 2 else "header"
        keys.append(FurtherKey(name=parts[-1].strip(), location="query" if location == "query" else "header"))
    return tuple(keys)


def params_in(text: str) -> dict[str, str]:
    """`name=value` lines."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def with_found(data: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The submitted data with the discovered fields, to render the form again; nothing is saved."""
    values = {name: value for name, value in data.items() if name not in ("client_secret", "further_key")}
    plain = {name: value for name, value in found.items() if name not in ("scopes", "pkce", "iss_required")}
    values |= plain
    if found.get("pkce"):
        values["pkce"] = "on"
    if "scopes" in found and not str(values.get("scopes", "")).strip():
        values["scopes"] = "\n".join(scope["name"] for scope in found["scopes"])
        plain["scopes"] = ""
    return values | {"from_discovery": ",".join(plain)}
