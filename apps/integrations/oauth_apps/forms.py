"""The forms of an OAuth app: as an operator (admin.py) and as a team's owner or admin fills them in.

What an app has beyond ID and secret are the same fields in both, made from the provider's facts: its parameters, the
scopes that it may ask for, and its overrides, as text that people can type.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.overrides import scope_problem
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_param_problems, override_problems, takes_secret
from apps.vault.forms import SecretFormField

PARAM = "param_"
ADVANCED = (
    "scopes_allowed",
    "extra_scopes",
    "pkce",
    "token_endpoint_auth_method",
    "authorization_params",
    "token_params",
)
_AUTH_WORDS = {
    "client_secret_basic": "ID and secret in the Authorization header",
    "client_secret_post": "ID and secret in the request’s body",
    "none": "ID only, no secret (public client)",
}


def setting_fields(entry: CatalogEntry | None) -> dict[str, forms.Field]:
    """The fields beyond ID, secret and date. Without facts of a provider there are no parameters among them."""
    fields: dict[str, forms.Field] = {}
    for param in entry.params_from("client") if entry else ():
        fields[PARAM + param.name] = forms.CharField(
            label=param.label,
            initial=param.default,
            required=not param.default and not param.optional,
            help_text=f"{param.hint} For example {param.example}.".strip(),
            max_length=300,
            error_messages={"required": f"Enter {param.label}, such as {param.example}."},
            # The pattern is one of Python's; a browser's are near enough only where they are the same in both.
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )
    fields["scopes_allowed"] = _names("Permissions that may be asked for", "Empty: all.")
    fields["extra_scopes"] = _names("Further permissions", "Offered by their names, beside those of the catalog.")
    fields["pkce"] = _choice("PKCE", {"on": "On", "off": "Off"})
    fields["token_endpoint_auth_method"] = _choice("Client authentication", _AUTH_WORDS)
    hint = "One name=value per line. Without a value, the catalog’s parameter is left out."
    fields["authorization_params"] = _lines("Extra authorization parameters", hint)
    fields["token_params"] = _lines("Extra token parameters", f"{hint} Sent with a code and with a refresh token.")
    return fields


def _choice(label: str, choices: Mapping[str, str]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", "As the catalog says"), *choices.items()])


def _names(label: str, hint: str) -> forms.CharField:
    return _lines(label, f"One name per line. {hint}")


def _lines(label: str, hint: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=20_000, widget=widget)


def initial_of(oauth_app: OAuthApp) -> dict[str, Any]:
    """What the fields of an OAuth app that exists begin with."""
    overrides = oauth_app.overrides
    return {
        **{PARAM + name: value for name, value in oauth_app.params.items()},
        "scopes_allowed": "\n".join(oauth_app.scopes_allowed),
        "extra_scopes": "\n".join(overrides.get("extra_scopes", [])),
        "pkce": {True: "on", False: "off"}.get(overrides.get("pkce"), ""),
        "token_endpoint_auth_method": overrides.get("token_endpoint_auth_method", ""),
        "authorization_params": _as_lines(overrides.get("authorization_params", {})),
        "token_params": _as_lines(overrides.get("token_params", {})),
    }


def settings_from(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """`params`, `scopes_allowed` and `overrides` as `save_oauth_app` takes them, from a form's cleaned data."""
    overrides: dict[str, Any] = {}
    if cleaned.get("pkce"):
        overrides["pkce"] = cleaned["pkce"] == "on"
    if cleaned.get("token_endpoint_auth_method"):
        overrides["token_endpoint_auth_method"] = cleaned["token_endpoint_auth_method"]
    if scopes := _names_in(cleaned.get("extra_scopes", "")):
        overrides["extra_scopes"] = scopes
    for name in ("authorization_params", "token_params"):
        if params := _params_in(cleaned.get(name, "")):
            overrides[name] = params
    params = {name.removeprefix(PARAM): value for name, value in cleaned.items() if name.startswith(PARAM) and value}
    return {"params": params, "scopes_allowed": _names_in(cleaned.get("scopes_allowed", "")), "overrides": overrides}


def _names_in(text: str) -> list[str]:
    return list(dict.fromkeys(text.split()))


def _params_in(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _as_lines(params: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in params.items())


def setting_problems(
    integration: Integration, oauth_app: OAuthApp | None, cleaned: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    """What is wrong with a form's cleaned data, as (field, sentence)."""
    values = settings_from(cleaned)
    for name, sentence in client_param_problems(integration, values["params"]):
        yield PARAM + name, sentence
    for name, sentence in override_problems(integration, values["overrides"]):
        yield name, sentence
    for sentence in filter(None, [scope_problem(values["scopes_allowed"])]):
        yield "scopes_allowed", sentence
    if cleaned.get("secret"):
        return
    is_stored = oauth_app is not None and oauth_app.client_secret is not None
    if not is_stored and takes_secret(integration, values["overrides"]):
        yield "secret", f"{integration.name} gives out a client secret: enter it."
    elif is_stored and oauth_app is not None and oauth_app.params != values["params"]:
        yield "secret", "Enter the client secret again: the stored one does not follow changed values."


def _stored(oauth_app: OAuthApp) -> dict[str, Any]:
    own = {"client_id": oauth_app.client_id, "secret_expires_on": oauth_app.secret_expires_on}
    return own | initial_of(oauth_app)


class TeamAppForm(forms.Form):
    """A team's own OAuth app. Its secret is only ever taken, never shown."""

    client_id = forms.CharField(
        label="Client ID", max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    secret = SecretFormField(label="Client secret", required=False, max_length=4000)
    secret_expires_on = forms.DateField(
        label="Secret expires on",
        required=False,
        help_text="If the service says so: you are told 60, 30 and 7 days before.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any, *, integration: Integration, oauth_app: OAuthApp | None) -> None:
        super().__init__(data, initial=_stored(oauth_app) if oauth_app else {})
        self._integration, self._oauth_app = integration, oauth_app
        self.fields.update(setting_fields(entry_of(integration)))
        is_stored = oauth_app is not None and oauth_app.client_secret is not None
        self.fields["secret"].help_text = "Stored. Leave empty to keep it." if is_stored else ""

    def clean(self) -> None:
        super().clean()
        if not self.errors:
            for name, sentence in setting_problems(self._integration, self._oauth_app, self.cleaned_data):
                self.add_error(name if name in self.fields else None, sentence)

    @property
    def values(self) -> dict[str, Any]:
        """What `save_own_app` takes, once the form is valid."""
        return {
            "client_id": self.cleaned_data["client_id"],
            "client_secret": self.cleaned_data["secret"].strip() or None,
            "secret_expires_on": self.cleaned_data["secret_expires_on"],
            **settings_from(self.cleaned_data),
        }

    def param_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(PARAM)]

    def advanced_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ADVANCED]

    def is_advanced(self) -> bool:
        """Whether something stands, or is wrong, among the advanced fields, so that they open."""
        return any(field.errors or field.value() for field in self.advanced_fields())


class OAuthAppForm(forms.ModelForm[OAuthApp]):
    """An OAuth app. Its secret is only ever taken, never shown. `oauth_app_form` adds the fields of its service."""

    # Not by the name of the model's field, which no form may edit.
    secret = SecretFormField(label="Client secret", required=False, max_length=4000)

    class Meta:
        model = OAuthApp
        fields = ["integration", "team", "client_id", "secret_expires_on"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        stored: OAuthApp | None = kwargs.get("instance")
        if stored is not None:
            kwargs["initial"] = initial_of(stored) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        is_stored = self.instance.client_secret is not None
        self.fields["secret"].help_text = "Stored. Leave empty to keep it." if is_stored else "Not stored yet."

    def clean_client_id(self) -> str:
        return str(self.cleaned_data["client_id"]).strip()

    def clean_secret(self) -> str:
        return str(self.cleaned_data["secret"]).strip()

    def clean(self) -> None:
        super().clean()
        integration = self.cleaned_data.get("integration") or getattr(self.instance, "integration", None)
        if integration is None or self.errors:
            return
        if integration.kind not in KINDS_WITH_OAUTH_APP:
            self.add_error(None, f"{integration.name} needs no OAuth app: people enter a key of their own.")
            return
        # As it is stored: the form's own code has put nothing into it yet.
        stored = None if self.instance._state.adding else self.instance
        for name, sentence in setting_problems(integration, stored, self.cleaned_data):
            self.add_error(name if name in self.fields else None, sentence)


def oauth_app_form(integration: Integration | None) -> type[OAuthAppForm]:
    """The form with what an app of that service has besides ID and secret."""
    return type("OAuthAppForm", (OAuthAppForm,), setting_fields(entry_of(integration) if integration else None))
