"""Compares the scopes that the catalog offers with the lists of those vendors that publish one.

The lists are facts in `vendor_scopes.json`, by the host where one signs in. `.ci/vendor-scopes` writes them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apps.integrations.catalog.key_schema import ClientCredentialsGrant
from apps.integrations.catalog.schema import CatalogEntry, OAuth2, Scope

_LISTS = Path(__file__).with_name("vendor_scopes.json")
# Who signs in, and for how long: the ID token and the refresh token, so that no API host is needed.
_IDENTITY = ("openid", "email", "profile", "offline_access")
_MENTIONS_DELETION = re.compile(r"delet|full|manage|remove", re.IGNORECASE)

ScopeFacts = Mapping[str, Any]


def has_vendor_list(entry: CatalogEntry) -> bool:
    """Whether the vendor where one signs in lists its scopes."""
    return _list_for(entry) is not None


def _list_for(entry: CatalogEntry) -> Mapping[str, Any] | None:
    tables = (entry.oauth2, entry.client_credentials)
    return next((_lists().get(_signs_in_at(table)) for table in tables if table), None)


def _signs_in_at(table: OAuth2 | ClientCredentialsGrant) -> str:
    return urlsplit(table.authorization_url if isinstance(table, OAuth2) else table.token_url).netloc


def scope_problems(entry: CatalogEntry) -> list[str]:
    """What contradicts the vendor's list, one line each; empty for entries of other vendors.

    Each offered scope has to be listed, and to be usable at its host (the base URL or one of `[[hosts]]`). Where the
    vendor's words allow changes, its access must not be `read`; where they allow deletion, its description has to
    say so. Where an administrator has to consent, its caution has to say that.
    """
    vendor = _list_for(entry)
    if vendor is None:
        return []
    return [f"{entry.slug}: {scope.name} {problem}" for scope in entry.scopes for problem in _of(entry, scope, vendor)]


def _of(entry: CatalogEntry, scope: Scope, vendor: Mapping[str, Any]) -> Iterator[str]:
    listed: Mapping[str, ScopeFacts] = vendor["scopes"]
    facts = next((listed[name] for name in (scope.name, *scope.aliases) if name in listed), None)
    if facts is None:
        yield "is not in the vendor's list"
        return
    if scope.name in _IDENTITY:
        return
    url, hosts = _url_of(entry, scope), facts.get("hosts") or [vendor["default_host"]]
    if not any(_is_below(url, host) or _is_below(host, url) for host in hosts):
        yield f"cannot be used at {url}, only at {', '.join(hosts[:5])}"
    if facts.get("writes") and scope.access == "read":
        yield "allows changes, but its access is read"
    if facts.get("deletes") and not _MENTIONS_DELETION.search(scope.description):
        yield "allows deletion, which its description does not say"
    if facts.get("admin_consent") and "administrator" not in scope.caution:
        yield "needs the consent of an administrator, which its caution does not say"


def _url_of(entry: CatalogEntry, scope: Scope) -> str:
    named = {host.name: host.base_url for host in entry.hosts}
    return named.get(scope.host, entry.api.base_url)


def _is_below(url: str, base: str) -> bool:
    return f"{url}/".startswith(f"{base.rstrip('/')}/")


@cache
def _lists() -> Mapping[str, Mapping[str, Any]]:
    lists: Mapping[str, Mapping[str, Any]] = json.loads(_LISTS.read_text(encoding="utf-8"))
    return lists
