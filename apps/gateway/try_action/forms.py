"""The form of *Try an action*: a request as a person enters it, with each error at its field."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.connections.errors import InvalidPath
from apps.gateway.proxy import target
from apps.gateway.proxy.headers import Headers, is_forwarded, value_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY")
MAX_BODY = 131_072
_MAX_LINES = 50
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")
# Characters that are kept as entered; others in a path are percent-encoded for the person.
_KEPT = "/:@!$&'()*+,;=~%"


class TryForm(forms.Form):
    """`base` is the base URL of the chosen connection, `hosts` those of its further hosts by name: a pasted URL that
    starts with one of them is accepted as path."""

    method = forms.ChoiceField(choices=[(method, method) for method in METHODS])
    path = forms.CharField(required=False, max_length=4000)
    query = forms.CharField(
        label=_("Query parameters"),
        required=False,
        max_length=8000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One per line: name=value"),
    )
    headers = forms.CharField(
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One per line: Name: value. Specway adds the connection's credentials."),
    )
    body = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_BODY,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("JSON, unless you set another Content-Type header."),
    )

    def __init__(self, *args: Any, base: str = "", hosts: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._base, self._hosts = base.rstrip("/"), hosts or {}
        method = str(self["method"].value() or "")
        # That of an imported operation, such as COPY.
        if method not in (*METHODS, *target.METHODS_NEVER_SENT) and _TOKEN.fullmatch(method):
            offered = [(each, each) for each in (*METHODS, method)]
            self.fields["method"].choices = offered  # type: ignore[attr-defined]

    def clean_path(self) -> str:
        path = self.cleaned_data["path"]
        most_specific_first = sorted({**self._hosts, "": self._base}.items(), key=lambda item: -len(item[1]))
        for name, base in most_specific_first:
            if base and path.startswith(f"{base}/"):
                path = path.replace(base, f"@{name}" if name else "", 1)
                break
        if placeholder := _PLACEHOLDER.search(path):
            raise ValidationError(gettext("Replace %(group)s with a value.") % {"group": placeholder.group(0)})
        return str(path.removeprefix("/"))

    def clean_query(self) -> list[tuple[str, str]]:
        lines = _lines(self.cleaned_data["query"])
        pairs = [line.partition("=") for line in lines]
        for number, (name, *_rest) in enumerate(pairs, 1):
            if not name.strip():
                raise ValidationError(gettext("Line %(number)s has no name before the =.") % {"number": number})
        return [(name.strip(), value) for name, _, value in pairs]

    def clean_headers(self) -> Headers:
        headers = []
        for line in _lines(self.cleaned_data["headers"]):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not _TOKEN.fullmatch(name):
                raise ValidationError(
                    gettext("Enter each header as Name: value. This line is not a header: %(line)s")
                    % {"line": line[:60]}
                )
            if not is_forwarded(name.lower()):
                raise ValidationError(
                    gettext("%(name)s is set by Specway or not sent to services. Remove it.") % {"name": name}
                )
            if not _VALUE.fullmatch(value):
                raise ValidationError(
                    gettext("%(name)s contains a character that is not allowed in headers.") % {"name": name}
                )
            headers.append((name.title(), value))
        return headers

    def clean_body(self) -> str:
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        super().clean()
        self._set_target()
        body, headers = self.cleaned_data.get("body", ""), self.cleaned_data.get("headers")
        if headers is not None and body.strip() and not value_of(headers, "content-type"):
            try:
                json.loads(body)
            except (ValueError, RecursionError) as error:
                where = (
                    gettext(" (line %(lineno)s)") % {"lineno": error.lineno}
                    if isinstance(error, json.JSONDecodeError)
                    else ""
                )
                self.add_error(
                    "body",
                    gettext("This is not valid JSON%(where)s. Correct it, or add a Content-Type header.")
                    % {"where": where},
                )
            headers.append(("Content-Type", "application/json"))
        elif not body.strip():
            self.cleaned_data["body"] = ""
        return self.cleaned_data

    def _set_target(self) -> None:
        """Add `target_path` and `target_query`, percent-encoded as they are sent, to the cleaned data."""
        path, pairs = self.cleaned_data.get("path"), self.cleaned_data.get("query")
        if path is None or pairs is None:
            return
        path, _, query = path.partition("?")
        path, query = quote(path, safe=_KEPT), quote(query, safe=f"{_KEPT}?")
        query = "&".join(part for part in (query, urlencode(pairs, quote_via=quote)) if part)
        try:
            target.require_safe(path, query)
        except InvalidPath as error:
            self.add_error("path", error.sentence)
        self.cleaned_data |= {"target_path": path, "target_query": query}


def _lines(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > _MAX_LINES:
        raise ValidationError(gettext("Enter at most %(max_lines)s lines.") % {"max_lines": _MAX_LINES})
    return lines
