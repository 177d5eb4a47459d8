"""A provider's TOML as plain data, and the answers that its service would give by it: for tests of every provider."""

import base64
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import requests

from apps.integrations.catalog.entries import PROVIDERS_DIR

CLIENT_ID = "the-client"
CALLBACK = "https://specway.example/oauth/callback"
BUILT_IN = ("{client_id}", "{client_secret}", "{access_token}", "{random}")
FOREVER = datetime(2035, 1, 1, tzinfo=UTC)


@cache
def toml_of(slug: str) -> dict[str, Any]:
    """What the file says. Each test reads it, and none changes it."""
    return tomllib.loads((PROVIDERS_DIR / f"{slug}.toml").read_text(encoding="utf-8"))


def examples(toml: Mapping[str, Any], *, of_app: bool) -> dict[str, str]:
    """The example of each placeholder: those of the OAuth app, or those of a connection."""
    params = toml.get("params", [])
    return {param["name"]: param["example"] for param in params if (param["source"] == "client") == of_app}


def filled(text: str, toml: Mapping[str, Any]) -> str:
    for param in toml.get("params", []):
        text = text.replace(f"{{{param['name']}}}", param["example"])
    return text


def said(param: Mapping[str, Any]) -> str:
    """How the service says the example: as it is, or wrapped in what `extract` takes off."""
    example: str = param["example"]
    wrapped = ("{}", "https://{}", "{}/", "{}/v2", "https://accounts.{}", "{}.kommo.com", "https://www.zohoapis.{}")
    for form in (form.format(example) for form in wrapped):
        inner = re.fullmatch(param.get("extract") or "(.*)", form)
        if inner and inner[1] == example:
            return form
    raise AssertionError(f"no answer holds {example}")


def put(document: Any, path: str, value: Any) -> Any:
    """`document` with the value at a dotted path (the first of alternatives), made as deep as it takes."""
    steps = re.findall(r"\[\d+\]|[^.\[\]]+", path.split(" | ")[0])
    return _put(document, steps, value)


def _put(document: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    step, *rest = steps
    if step.startswith("["):
        items = document if isinstance(document, list) else []
        return [_put(items[0] if items else None, rest, value), *items[1:]]
    fields = document if isinstance(document, dict) else {}
    return {**fields, step: _put(fields.get(step), rest, value)}


def jwt(**claims: Any) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims))
    return f"{'.'.join(parts)}.signature"


def token_answer(toml: Mapping[str, Any], *, access: str, refresh: str) -> dict[str, Any]:
    """What the token endpoint answers: each value where the TOML says that it is read."""
    oauth2 = toml["oauth2"]
    document: Any = {}
    if oauth2.get("expiry_in_token"):
        access = jwt(exp=int(FOREVER.timestamp()))
    document = put(document, oauth2.get("access_token_path", "access_token"), access)
    document = put(document, oauth2.get("refresh_token_path", "refresh_token"), refresh)
    if oauth2.get("expires_at_path"):
        document = put(document, oauth2["expires_at_path"], FOREVER.isoformat())
    elif oauth2.get("expires_in_path", "expires_in"):
        document = put(document, oauth2.get("expires_in_path", "expires_in"), 1234)
    if "success_check" in oauth2:
        document = put(document, oauth2["success_check"]["path"], oauth2["success_check"]["equals"])
    for path in oauth2.get("keep", []):
        document = put(document, path, f"kept at {path}")
    for param in toml.get("params", []):
        if param["source"] == "token_response":
            document = put(document, param.get("field") or param["name"], said(param))
    for rule in oauth2.get("secondary_tokens", []):
        document = put(document, rule["access_token_path"], "second")
    account = toml.get("answer_account", {})
    claims: dict[str, Any] = {}
    for name, value in (("subject_path", "subject-1"), ("label_path", "ada@acme.example")):
        if account.get("source") == "id_token" and account.get(name):
            claims = put(claims, account[name], value)
        elif account.get(name) and account[name] not in oauth2.get("keep", []):
            document = put(document, account[name], document_value(document, account[name]) or value)
    return {**document, "id_token": jwt(**claims)} if claims else dict(document)


def document_value(document: Any, path: str) -> Any:
    """The value that is at a plain dotted path already, if anything does."""
    for step in path.split(" | ")[0].split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document


class Wire:
    """Replaces egress: remembers each request as it would leave, and answers with the next document."""

    def __init__(self, *documents: Any) -> None:
        self.documents = list(documents)
        self.sent: list[requests.PreparedRequest] = []

    def request(self, _session: Any, method: str, url: str, **how: Any) -> requests.Response:
        how = {name: how.get(name) for name in ("params", "data", "json", "headers", "auth")}
        request = requests.Request(method, url, **how).prepare()
        self.sent.append(request)
        answer = requests.Response()
        answer.request = request
        answer.status_code = 200
        answer.headers["Content-Type"] = "application/json"
        answer._content = json.dumps(self.documents.pop(0)).encode()
        return answer
