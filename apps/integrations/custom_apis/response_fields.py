"""Form fields for what a custom API says about responses, and for its further hosts: lines of text."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.custom_apis.rule_lines import (
    InvalidLine,
    check_in,
    check_line,
    ended_token_in,
    error_rules_in,
    lines_of,
)
from apps.integrations.custom_apis.schema import Authentication

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_LONGEST = 20_000
RESPONSES = (
    "basic_credentials",
    "scope_response_separator",
    "access_token_path",
    "refresh_token_path",
    "expires_in_path",
    "scope_path",
    "success_check",
    "error_rules",
    "ended_token",
)
_CREDENTIALS = {"encoded": _("Form-encoded, as RFC 6749 requires"), "raw": _("As they are")}
_SEPARATORS = {
    "": _("Spaces and commas"),
    " ": _("Space"),
    ",": _("Comma"),
    ";": _("Semicolon"),
    "+": _("Plus"),
    "|": _("Vertical bar"),
}


class ParsedField(forms.CharField):
    """A text that is read by `parse`; its InvalidLine is the field's error."""

    def __init__(self, parse: Callable[[str], Any], **options: Any) -> None:
        super().__init__(required=False, max_length=_LONGEST, **options)
        self.parse = parse

    def clean(self, value: Any) -> Any:
        """What `parse` makes of the text."""
        text = super().clean(value)
        try:
            return self.parse(text)
        except InvalidLine as error:
            raise forms.ValidationError(str(error)) from None


def _line(label: "StrOrPromise", hint: "StrOrPromise") -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "input--mono"})
    return forms.CharField(label=label, help_text=hint, required=False, max_length=200, widget=widget)


def _lines(parse: Callable[[str], Any], label: "StrOrPromise", hint: "StrOrPromise", *, rows: int = 3) -> ParsedField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "input--mono"})
    return ParsedField(parse, label=label, help_text=hint, widget=widget)


class ResponseFields(forms.Form):
    """How the service's responses differ from the standard. All fields are optional."""

    basic_credentials = forms.ChoiceField(
        label=_("ID and secret in the header"),
        choices=[*_CREDENTIALS.items()],
        required=False,
        help_text=_("Some servers do not decode them. This matters only for characters such as + / = and %."),
    )
    scope_response_separator = forms.ChoiceField(
        label=_("Separator in responses"), choices=[*_SEPARATORS.items()], required=False
    )
    access_token_path = _line(_("Path of the access token"), _("In the token response, such as data.access_token."))
    refresh_token_path = _line(_("Path of the refresh token"), _("Such as data.refresh_token."))
    expires_in_path = _line(_("Path of the lifetime"), _("In seconds, such as data.expires_in."))
    scope_path = _line(_("Path of the granted permissions"), _("Such as data.scope."))
    success_check = _lines(
        check_in,
        _("Success only if"),
        _("For errors with HTTP status 200: a path and its value, such as ok=true."),
        rows=1,
    )
    error_rules = _lines(
        error_rules_in,
        _("Errors of token requests"),
        _(
            "One per line: what it means, then HTTP statuses, a path with its values, or a text in quotation marks, "
            "such as invalid_grant 400 error.code=190,460. Meanings: invalid_grant (reconnect), invalid_client, "
            "slow_down, too_early, temporarily_unavailable."
        ),
    )
    ended_token = _lines(
        ended_token_in,
        _("Signs of an ended token"),
        _(
            "For APIs that do not respond with 401. One per line, such as 200 errors[0].code=602. Such a call is "
            "repeated once after a refresh."
        ),
    )


def response_initial(authentication: Authentication) -> dict[str, str]:
    """The texts of the fields that are read by a parser."""
    return {
        "success_check": check_line(authentication.success_check),
        "error_rules": lines_of(authentication.error_rules),
        "ended_token": lines_of(authentication.ended_token),
    }


def hosts_field() -> ParsedField:
    """The further API hosts, one per line: name, base URL and description."""
    return _lines(
        _hosts_in,
        _("Further API hosts (optional)"),
        _(
            "One per line: a name and its base URL, such as uploads https://upload.example.com/v1. Requests reach it "
            "as @uploads/path, with the same credentials."
        ),
    )


def host_lines(hosts: Sequence[Mapping[str, Any]]) -> str:
    """The text that `hosts_field` reads."""
    return "\n".join(f"{host['name']} {host['base_url']} {host.get('label', '')}".strip() for host in hosts)


def _hosts_in(text: str) -> list[dict[str, str]]:
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, rest = line.partition(" ")
        base_url, _, label = rest.strip().partition(" ")
        if not base_url:
            raise InvalidLine(
                gettext("“%(line)s” needs a name and a base URL, such as uploads https://upload.example.com.")
                % {"line": line[:60]}
            )
        found.append({"name": name, "base_url": base_url, "label": label.strip() or name})
    return found
