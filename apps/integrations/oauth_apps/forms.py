"""The forms of an OAuth app, for operators (admin.py) and for owners and admins of a team.

Both have the same fields besides ID and secret, built from the catalog entry: parameters, scopes that may be requested,
and overrides as editable text.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.overrides import scope_problem
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.models import KINDS_WITH_OAUTH_APP, Callback, Integration, OAuthApp
from apps.integrations.oauth_apps.services import (
    client_host_problems,
    client_param_problems,
    override_problems,
    takes_secret,
)
from apps.integrations.redirect_uri import may_keep_common_callback, redirect_uri
from apps.sentences import translated
from apps.teams.models import Team
from apps.vault.forms import SecretFormField

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PARAM = "param_"
OWN_CALLBACK = "own_callback"
ADVANCED = (
    "scopes_allowed",
    "extra_scopes",
    "pkce",
    "token_endpoint_auth_method",
    "authorization_params",
    "token_params",
)
_AUTH_LABELS = {
    "client_secret_basic": _("ID and secret in the Authorization header"),
    "client_secret_post": _("ID and secret in the request body"),
    "none": _("ID only, no secret (public client)"),
}


def setting_fields(entry: CatalogEntry | None, oauth_app: OAuthApp | None = None) -> dict[str, forms.Field]:
    """The fields besides ID, secret and date. Without a catalog entry there are no parameters among them."""
    fields: dict[str, forms.Field] = {}
    for param in entry.params_from("client") if entry else ():
        fields[PARAM + param.name] = forms.CharField(
            label=translated(param.label),
            initial=param.default,
            required=not param.default and not param.optional,
            help_text=_hint(param),
            max_length=300,
            error_messages={
                "required": gettext("Enter %(label)s, such as %(example)s.")
                % {"label": translated(param.label), "example": param.example}
            },
            # No `pattern` attribute: the regular expressions of browsers differ from those used here.
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )
    fields["scopes_allowed"] = _names(gettext("Permissions that may be requested"), gettext("Empty: all."))
    fields["extra_scopes"] = _names(
        gettext("Further permissions"), gettext("Offered by name, in addition to those of the catalog.")
    )
    fields["pkce"] = _choice("PKCE", {"on": gettext("On"), "off": gettext("Off")})
    fields["token_endpoint_auth_method"] = _choice(gettext("Client authentication"), _AUTH_LABELS)
    hint = gettext("One name=value per line. Without a value, the parameter of the catalog is omitted.")
    fields["authorization_params"] = _lines(gettext("Extra authorization parameters"), hint)
    fields["token_params"] = _lines(
        gettext("Extra token parameters"),
        gettext("%(hint)s Sent with a code and with a refresh token.") % {"hint": hint},
    )
    if oauth_app is not None and may_keep_common_callback(oauth_app):
        fields[OWN_CALLBACK] = _own_callback_field(oauth_app)
    return fields


def _own_callback_field(oauth_app: OAuthApp) -> forms.BooleanField:
    own = OAuthApp(integration=oauth_app.integration, team=oauth_app.team, callback=Callback.OWN)
    return forms.BooleanField(
        label=gettext("Use its own redirect URI"),
        required=False,
        help_text=gettext("Recommended. Register %(redirect_uri)s at the service first.")
        % {"redirect_uri": redirect_uri(own)},
    )


def _choice(label: "StrOrPromise", choices: "Mapping[str, StrOrPromise]") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=[("", gettext("Default of the catalog")), *choices.items()]
    )


def _names(label: "StrOrPromise", hint: "StrOrPromise") -> forms.CharField:
    return _lines(label, gettext("One name per line. %(hint)s") % {"hint": hint})


def _lines(label: "StrOrPromise", hint: "StrOrPromise") -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=20_000, widget=widget)


def initial_of(oauth_app: OAuthApp) -> dict[str, Any]:
    """The initial values for an existing OAuth app."""
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
    """The arguments `params`, `scopes_allowed`, `overrides` and `callback` of `save_oauth_app`, from cleaned data."""
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
    return {
        "params": params,
        "scopes_allowed": _names_in(cleaned.get("scopes_allowed", "")),
        "overrides": overrides,
        "callback": Callback.OWN if cleaned.get(OWN_CALLBACK) else None,
    }


def _names_in(text: str) -> list[str]:
    return list(dict.fromkeys(text.split()))


def _params_in(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _as_lines(params: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in params.items())


def setting_problems(
    integration: Integration, oauth_app: OAuthApp | None, cleaned: Mapping[str, Any], *, team: Team | None
) -> Iterable[tuple[str, str]]:
    """What is wrong with cleaned data, as (field, message)."""
    values = settings_from(cleaned)
    params = values["params"]
    found = client_param_problems(integration, params) or client_host_problems(integration, params, team=team)
    for name, message in found:
        yield PARAM + name, message
    yield from override_problems(integration, values["overrides"])
    if message := scope_problem(values["scopes_allowed"]):
        yield "scopes_allowed", message
    if cleaned.get("secret"):
        return
    is_stored = oauth_app is not None and oauth_app.client_secret is not None
    if not is_stored and takes_secret(integration, values["overrides"]):
        yield "secret", gettext("Enter the client secret that %(service)s issued.") % {"service": integration.name}
    elif is_stored and oauth_app is not None and oauth_app.params != values["params"]:
        yield "secret", gettext("Enter the client secret again: the stored one is not sent to a changed address.")


def _stored(oauth_app: OAuthApp) -> dict[str, Any]:
    own = {"client_id": oauth_app.client_id, "secret_expires_on": oauth_app.secret_expires_on}
    return own | initial_of(oauth_app)


class TeamAppForm(forms.Form):
    """A team's own OAuth app. The stored secret is never rendered."""

    client_id = forms.CharField(
        label=_("Client ID"),
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    secret = SecretFormField(label=_("Client secret"), required=False, max_length=4000)
    secret_expires_on = forms.DateField(
        label=_("Secret expires on"),
        required=False,
        help_text=_("If the service shows it: you are notified 60, 30 and 7 days before."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any, *, integration: Integration, oauth_app: OAuthApp | None, team: Team | None) -> None:
        super().__init__(data, initial=_stored(oauth_app) if oauth_app else {})
        self._integration, self._oauth_app, self._team = integration, oauth_app, team
        self.fields.update(setting_fields(entry_of(integration), oauth_app))
        is_stored = oauth_app is not None and oauth_app.client_secret is not None
        self.fields["secret"].help_text = gettext("A secret is stored. Leave empty to keep it.") if is_stored else ""

    def clean(self) -> None:
        super().clean()
        if not self.errors:
            found = setting_problems(self._integration, self._oauth_app, self.cleaned_data, team=self._team)
            for name, message in found:
                self.add_error(name if name in self.fields else None, message)

    @property
    def values(self) -> dict[str, Any]:
        """The arguments of `save_own_app`, once the form is valid."""
        return {
            "client_id": self.cleaned_data["client_id"],
            "client_secret": self.cleaned_data["secret"].strip() or None,
            "secret_expires_on": self.cleaned_data["secret_expires_on"],
            **settings_from(self.cleaned_data),
        }

    def param_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(PARAM)]

    def advanced_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in (*ADVANCED, OWN_CALLBACK) if name in self.fields]

    def is_advanced(self) -> bool:
        """Whether an advanced field has a value or an error, so that the section is open."""
        return any(field.errors or field.value() for field in self.advanced_fields())


class OAuthAppForm(forms.ModelForm[OAuthApp]):
    """An OAuth app. The stored secret is never rendered. `oauth_app_form` adds the fields of its service."""

    # Of a new app, where it is known; its redirect URI depends on it.
    selected_integration: Integration | None = None
    # Not named as the field of the model, which forms may not edit.
    secret = SecretFormField(label=_("Client secret"), required=False, max_length=4000)

    class Meta:
        model = OAuthApp
        fields = ["integration", "team", "client_id", "secret_expires_on"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        stored: OAuthApp | None = kwargs.get("instance")
        if stored is not None:
            kwargs["initial"] = initial_of(stored) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if stored is None and self.selected_integration is not None:
            self.instance.integration = self.selected_integration
        is_stored = self.instance.client_secret is not None
        self.fields["secret"].help_text = (
            gettext("A secret is stored. Leave empty to keep it.") if is_stored else gettext("No secret is stored.")
        )

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
            self.add_error(
                None,
                gettext("%(service)s needs no OAuth app: people enter their own key.") % {"service": integration.name},
            )
            return
        # Still as stored: the form has not assigned the new values yet.
        stored = None if self.instance._state.adding else self.instance
        team = self.cleaned_data.get("team") or self.instance.team
        for name, message in setting_problems(integration, stored, self.cleaned_data, team=team):
            self.add_error(name if name in self.fields else None, message)


def oauth_app_form(integration: Integration | None, oauth_app: OAuthApp | None = None) -> type[OAuthAppForm]:
    """The form class with the fields of that service."""
    fields = setting_fields(entry_of(integration) if integration else None, oauth_app)
    return type("OAuthAppForm", (OAuthAppForm,), {**fields, "selected_integration": integration})


def _hint(param: Param) -> str:
    example = gettext("For example %(example)s.") % {"example": param.example}
    return f"{translated(param.hint)} {example}".strip()
