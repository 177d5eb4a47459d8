"""The connection parameters of a custom API: rules for them, and where `{name}` is used. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.integrations.catalog.placeholders import BUILT_IN, PLACEHOLDER
from apps.integrations.custom_apis.schema import URLS, Authentication

Params = Sequence[Mapping[str, Any]]
Problems = list[tuple[str, str]]

MOST = 20
LONGEST = {"label": 100, "pattern": 300, "example": 200, "default": 200, "hint": 300}
# Names of credential fields, and of placeholders that the protocol fills in.
RESERVED = BUILT_IN | {"key", "username", "password", *(f"key_{number}" for number in range(2, 10))}
# A part of a host or path: letters, digits, and hyphens inside.
PLAIN = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_LABELS = {
    "base_url": _("the base URL"),
    "authorization_url": _("the authorization URL"),
    "token_url": _("the token URL"),
    "request_token_url": _("the request token URL"),
    "refresh_url": _("the refresh URL"),
    "revocation_url": _("the revocation URL"),
    "account_url": _("the account endpoint"),
    "issuer": _("the issuer"),
    "authorization_params": _("the extra parameters of the authorization request"),
    "token_params": _("the extra parameters of token requests"),
    "audience": _("the audience"),
    "resource": _("the resource"),
    "scopes": _("the scopes"),
}


def param_problems(params: Params) -> Problems:
    """What is wrong with each parameter, as (`params.0.label`, message). The catalog rules check the patterns."""
    if len(params) > MOST:
        return [("params", gettext("An API has at most %(most)s parameters.") % {"most": MOST})]
    errors: Problems = []
    names = [str(param.get("name", "")) for param in params]
    for number, param in enumerate(params):
        key = f"params.{number}"
        if message := _name_problem(names[number], names[:number]):
            errors.append((f"{key}.name", message))
        for name, longest in LONGEST.items():
            text = str(param.get(name) or "")
            if len(text) > longest or not text.isprintable():
                errors.append(
                    (
                        f"{key}.{name}",
                        gettext("Enter one line of at most %(longest)s characters.") % {"longest": longest},
                    )
                )
        if not str(param.get("label") or "").strip():
            errors.append((f"{key}.label", gettext("Enter the label of the field, such as Region.")))
    return errors


def _name_problem(name: str, before: Sequence[str]) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]{0,59}", name):
        return gettext(
            "Enter a name such as region: lowercase letters, digits and underscores, starting with a letter."
        )
    if name in RESERVED:
        return gettext("%(name)s is reserved. Choose another name.") % {"name": name}
    return gettext("Another parameter already has this name.") if name in before else ""


def usage_problems(params: Params, *, before: Params, base_url: str, authentication: Authentication) -> Problems:
    """Why `params` cannot replace `before`: a removed one is still used, or an optional one is part of a URL. Without
    `base_url`, only the authentication is checked."""
    errors: Problems = []
    names = {str(param["name"]) for param in params}
    for removed in [str(param["name"]) for param in before if param["name"] not in names]:
        if uses := uses_of(removed, base_url=base_url, authentication=authentication):
            errors.append(
                (
                    "params",
                    gettext("{%(removed)s} is used in %(joined)s. Remove it there first.")
                    % {"removed": removed, "joined": _joined(uses)},
                )
            )
    for number, param in enumerate(params):
        if param.get("optional") and not param.get("default"):
            urls = [base_url, *(getattr(authentication, name) for name in URLS)]
            if any(param["name"] in PLACEHOLDER.findall(url) for url in urls):
                message = gettext("It is part of a URL, so it must be required or have a default value.")
                errors.append((f"params.{number}.optional", message))
    return errors


def uses_of(name: str, *, base_url: str, authentication: Authentication) -> list[str]:
    """The labels of the settings that use `{name}`, each once."""
    labels = [
        str(_LABELS[field]) for field, text in _texts(base_url, authentication) if name in PLACEHOLDER.findall(text)
    ]
    return list(dict.fromkeys(labels))


def _texts(base_url: str, authentication: Authentication) -> Iterator[tuple[str, str]]:
    yield "base_url", base_url
    for field in (*URLS, "audience", "resource"):
        yield field, getattr(authentication, field)
    for field in ("authorization_params", "token_params"):
        for text in getattr(authentication, field).values():
            yield field, text
    for scope in authentication.scopes:
        yield "scopes", scope.name


def _joined(labels: Sequence[str]) -> str:
    return (
        labels[0]
        if len(labels) == 1
        else gettext("%(first)s and %(last)s") % {"first": ", ".join(labels[:-1]), "last": labels[-1]}
    )


def moved(params: Params, name: str, step: int) -> list[dict[str, Any]]:
    """The parameters with this one moved by `step` positions, at most to the end or the start."""
    listed = [dict(param) for param in params]
    position = [param["name"] for param in listed].index(name)
    target = min(max(position + step, 0), len(listed) - 1)
    listed.insert(target, listed.pop(position))
    return listed
