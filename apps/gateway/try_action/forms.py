"""A request as a person writes it: each part checked at the field where it was written."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.core.exceptions import ValidationError

from apps.connections.errors import InvalidPath
from apps.gateway.proxy import target
from apps.gateway.proxy.headers import Headers, passes_on, value_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
MAX_BODY = 131_072
_MOST_LINES = 50
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_OPEN_PLACE = re.compile(r"\{([^{}/]*)\}")
# What stays as it is written; the rest of a path is encoded for the person.
_AS_WRITTEN = "/:@!$&'()*+,;=~%"


class TryForm(forms.Form):
    """`base` is the address that the path continues, where a connection is chosen: one may paste all of it."""

    method = forms.ChoiceField(choices=[(method, method) for method in METHODS])
    path = forms.CharField(required=False, max_length=4000)
    query = forms.CharField(
        label="Query parameters",
        required=False,
        max_length=8000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One per line: name=value",
    )
    headers = forms.CharField(
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One per line: Name: value. What signs the request in is added by Specway.",
    )
    body = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_BODY,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="JSON, unless a Content-Type among the headers says otherwise.",
    )

    def __init__(self, *args: Any, base: str = "", **more: Any) -> None:
        super().__init__(*args, **more)
        self._base = base.rstrip("/")

    def clean_path(self) -> str:
        path = self.cleaned_data["path"]
        if self._base and path.startswith(f"{self._base}/"):
            path = path.removeprefix(self._base)
        if _OPEN_PLACE.search(path):
            name = _OPEN_PLACE.search(path)
            raise ValidationError(f"Put a value in the place of {name.group(0) if name else ''}.")
        return str(path.removeprefix("/"))

    def clean_query(self) -> list[tuple[str, str]]:
        lines = _lines(self.cleaned_data["query"])
        pairs = [line.partition("=") for line in lines]
        for number, (name, _, _) in enumerate(pairs, 1):
            if not name.strip():
                raise ValidationError(f"Line {number} has no name before the =.")
        return [(name.strip(), value) for name, _, value in pairs]

    def clean_headers(self) -> Headers:
        found = []
        for line in _lines(self.cleaned_data["headers"]):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not _TOKEN.fullmatch(name):
                raise ValidationError(f"Write each header as Name: value. This is none: {line[:60]}")
            if not passes_on(name.lower()):
                raise ValidationError(f"{name} is set by Specway or not passed on. Leave it out.")
            if not _VALUE.fullmatch(value):
                raise ValidationError(f"{name} holds a character that no header can carry.")
            found.append((name.title(), value))
        return found

    def clean_body(self) -> str:
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        super().clean()
        self._join_address()
        body, headers = self.cleaned_data.get("body", ""), self.cleaned_data.get("headers")
        if headers is not None and body.strip() and not value_of(headers, "content-type"):
            try:
                json.loads(body)
            except (ValueError, RecursionError) as wrong:
                where = f" (line {wrong.lineno})" if isinstance(wrong, json.JSONDecodeError) else ""
                sentence = f"This is not JSON{where}. Mend it, or name its Content-Type among the headers."
                self.add_error("body", sentence)
            headers.append(("Content-Type", "application/json"))
        elif not body.strip():
            self.cleaned_data["body"] = ""
        return self.cleaned_data

    def _join_address(self) -> None:
        """`rest` and `search`: path and query as they are sent."""
        path, pairs = self.cleaned_data.get("path"), self.cleaned_data.get("query")
        if path is None or pairs is None:
            return
        rest, _, search = path.partition("?")
        rest, search = quote(rest, safe=_AS_WRITTEN), quote(search, safe=f"{_AS_WRITTEN}?")
        search = "&".join(part for part in (search, urlencode(pairs, quote_via=quote)) if part)
        try:
            target.checked(rest, search)
        except InvalidPath as wrong:
            self.add_error("path", wrong.sentence)
        self.cleaned_data |= {"rest": rest, "search": search}


def _lines(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > _MOST_LINES:
        raise ValidationError(f"At most {_MOST_LINES} lines.")
    return lines
