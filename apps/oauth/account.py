"""Calls right after a token was obtained: whose account it opens, and at which site, tenant or data center."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

import requests

from apps.errors import gettext_noop
from apps.oauth.conditions import matches
from apps.oauth.documents import json_value, read_body, text_at
from apps.oauth.errors import MalformedResponse, OAuthError, token_error
from apps.oauth.http import send
from apps.oauth.paths import Check, passes, pick
from apps.oauth.provider import (
    AccountEndpoint,
    ClientCredentials,
    ProviderConfig,
    access_headers,
    access_query,
    all_filled_in,
)
from apps.oauth.refusals import raise_for_fault


@dataclass(frozen=True)
class Account:
    """Whose account a token opens: a stable `subject` and a `label` for people; either may be empty."""

    subject: str
    label: str


def fetch_account(
    provider: ProviderConfig,
    *,
    access_token: str,
    credentials: ClientCredentials | None = None,
    deadline: float = 10.0,
) -> Account:
    """Asks the provider whose account the token opens; without a stable subject the label replaces it.

    `credentials` fill the placeholders that name the OAuth app. Raises TokenError "invalid_token" on 401 and
    "insufficient_scope" on 403 (RFC 6750 3.1). A provider without an account endpoint gives an empty Account.
    """
    account = provider.account
    if account is None:
        return Account(subject="", label="")
    filled = partial(all_filled_in, credentials=credentials, access_token=access_token)
    response = send(
        account.method,
        account.url,
        params=access_query(provider, access_token=access_token, credentials=credentials),
        headers=_headers(provider, account.headers, access_token, credentials),
        data=filled(account.form) or account.body,
        deadline=deadline,
    )
    document = _document(response, provider, account.success_check)
    subject = text_at(document, account.subject_path)
    if account.label_url:
        url = account.label_url.replace("{subject}", quote(subject, safe=""))
        document = _label_document(provider, account, url, access_token, credentials, deadline)
    label = text_at(document, account.label_path)
    return Account(subject=subject or _subject_by_label(account, label), label=label)


def _label_document(
    provider: ProviderConfig,
    account: AccountEndpoint,
    url: str,
    access_token: str,
    credentials: ClientCredentials | None,
    deadline: float,
) -> Any:
    """The response with the label; None where the service does not give it: the subject is known without."""
    query = access_query(provider, access_token=access_token, credentials=credentials)
    headers = _headers(provider, account.headers, access_token, credentials)
    try:
        return _document(send("GET", url, params=query, headers=headers, deadline=deadline), provider, None)
    except OAuthError:
        return None


def _headers(
    provider: ProviderConfig, own: Mapping[str, str], access_token: str, credentials: ClientCredentials | None
) -> dict[str, str]:
    headers = access_headers(provider, access_token=access_token, credentials=credentials)
    return {"Accept": "application/json", **headers, **all_filled_in(own, credentials, access_token=access_token)}


def _subject_by_label(account: AccountEndpoint, label: str) -> str:
    """An e-mail address identifies an account, a mere name does not: then the subject's path is empty, not absent."""
    return label if account.subject_path is None else ""


@dataclass(frozen=True)
class PlacementChoice:
    """A site, tenant or data center that the grant can be used for: its values by placeholder name, and its name."""

    values: Mapping[str, str]
    label: str = ""

    @property
    def key(self) -> str:
        """Identifies the choice among those of one grant."""
        return "\n".join(f"{name}={value}" for name, value in sorted(self.values.items()))


def fetch_placements(
    provider: ProviderConfig,
    *,
    access_token: str,
    credentials: ClientCredentials | None = None,
    deadline: float = 10.0,
) -> list[PlacementChoice]:
    """Asks where the account lives: the sites, tenants or data centers among which to choose.

    Empty for a provider without such a call. Raises MalformedResponse where there is no choice, else as
    `fetch_account`.
    """
    placement = provider.placement
    if placement is None:
        return []
    headers = _headers(provider, placement.headers, access_token, credentials)
    document = _document(send("GET", placement.url, headers=headers, deadline=deadline), provider, None)
    items: Any = [document]
    if placement.list_path is not None:
        items = pick(document, placement.list_path) if placement.list_path else document
    choices: dict[str, PlacementChoice] = {}
    for item in items if isinstance(items, list) else ():
        values = {name: text_at(item, path) for name, path in placement.values.items()}
        if all(values.values()) and passes(placement.where, item):
            choice = PlacementChoice(values, _label(item, placement.label_path, values))
            choices.setdefault(choice.key, choice)
    if not choices:
        raise MalformedResponse(gettext_noop("no site, tenant or data center in the response"))
    return list(choices.values())


def _label(item: Any, path: str, values: Mapping[str, str]) -> str:
    return (text_at(item, path) if path else "") or ", ".join(values.values())


def _shows_ended_token(response: requests.Response, provider: ProviderConfig) -> bool:
    return any(
        matches(sign, status=response.status_code, document=read_body(response.content).document, text=response.text)
        for sign in provider.ended_token
    )


def _document(response: requests.Response, provider: ProviderConfig, check: Check | None) -> Any:
    raise_for_fault(response.status_code, response.headers)
    if _shows_ended_token(response, provider):
        raise token_error("invalid_token")
    if response.status_code in (401, 403):
        raise token_error("invalid_token" if response.status_code == 401 else "insufficient_scope")
    if response.status_code != 200:
        raise MalformedResponse(
            gettext_noop("status %(status_code)s from the account endpoint") % {"status_code": response.status_code}
        )
    document = json_value(response.content)
    if not passes(check, document):
        raise token_error("invalid_token")
    return document
