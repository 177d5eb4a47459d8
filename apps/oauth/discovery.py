"""An issuer's metadata: where it is published, and what of it is accepted (RFC 8414, OpenID Connect Discovery 1.0)."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from apps.errors import gettext_noop
from apps.oauth.documents import json_object
from apps.oauth.errors import DiscoveryFailed, MalformedResponse
from apps.oauth.http import send

_MAX_METADATA = 1_000_000  # bytes
_WELL_KNOWN = re.compile(r"/\.well-known/(?:openid-configuration|oauth-authorization-server)(?=/|$)")


@dataclass(frozen=True)
class ServerMetadata:
    """The parts of an authorization server's metadata that we use (RFC 8414 2, RFC 9207 3)."""

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    revocation_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    registration_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] = ()
    grant_types_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


def discover(issuer: str, *, deadline: float = 10.0) -> ServerMetadata:
    """Fetches an issuer's metadata from the first well-known URL that has some (RFC 8414 3, OpenID Discovery 4).

    `issuer` may be written with or without its last slash, or be the URL of the metadata itself: the form of the
    metadata is in the result. Raises DiscoveryFailed if there is none, or it is another issuer's; else what `send`
    raises.
    """
    issuer = _without_well_known(issuer)
    check_issuer(issuer)
    end = time.monotonic() + deadline
    for url in metadata_urls(issuer):
        headers = {"Accept": "application/json"}
        response = send("GET", url, headers=headers, deadline=end - time.monotonic(), max_bytes=_MAX_METADATA)
        if response.status_code != 200:
            continue
        try:
            document = json_object(response.content)
        except MalformedResponse:
            continue  # a page for people, most likely: sites respond to unknown paths with one
        return parse_metadata(document, issuer=issuer)
    raise DiscoveryFailed(gettext_noop("The issuer publishes no metadata."))


def _without_well_known(url: str) -> str:
    """The issuer that belongs to the URL of a metadata document; other URLs as they are."""
    parts = urlsplit(url)
    path = _WELL_KNOWN.sub("", parts.path)
    return url if path == parts.path else urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_issuer(identifier: str, issuer: str | None) -> bool:
    """Whether an issuer identifier is `issuer`, character by character.

    A template, such as "https://login.test/{tenant}/v2.0", has one path segment for each placeholder.
    """
    if issuer is None or "{" not in issuer or "{" in urlsplit(issuer).netloc:
        return identifier == issuer
    pattern = re.sub(r"\\\{\w+\\\}", "[A-Za-z0-9._~-]+", re.escape(issuer))
    return re.fullmatch(pattern, identifier) is not None


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where to look, in this order: RFC 8414 3.1, then OpenID's form before and after the path (RFC 8414 5)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    candidates = (
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
        f"{path}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(urlunsplit((parts.scheme, parts.netloc, found, "", "")) for found in candidates))


def check_issuer(issuer: str) -> None:
    """Raises DiscoveryFailed if the issuer identifier has a query or fragment (RFC 8414 2)."""
    if "?" in issuer or "#" in issuer:
        raise DiscoveryFailed(gettext_noop("An issuer has neither a query nor a fragment."))


def parse_metadata(document: Mapping[str, Any], *, issuer: str) -> ServerMetadata:
    """Reads a metadata document. Raises DiscoveryFailed if it is not this issuer's (RFC 8414 3.3; a last slash makes no
    difference, since people leave it out), or a field has the wrong type."""
    found = document.get("issuer")
    if not isinstance(found, str) or not is_issuer(issuer.rstrip("/"), found.rstrip("/")):
        raise DiscoveryFailed(gettext_noop("The metadata belongs to another issuer."))
    return ServerMetadata(
        issuer=found,
        authorization_endpoint=_text(document, "authorization_endpoint"),
        token_endpoint=_text(document, "token_endpoint"),
        revocation_endpoint=_text(document, "revocation_endpoint"),
        userinfo_endpoint=_text(document, "userinfo_endpoint"),
        registration_endpoint=_text(document, "registration_endpoint"),
        scopes_supported=_texts(document, "scopes_supported"),
        token_endpoint_auth_methods_supported=_texts(
            document, "token_endpoint_auth_methods_supported", default=("client_secret_basic",)
        ),
        code_challenge_methods_supported=_texts(document, "code_challenge_methods_supported"),
        grant_types_supported=_texts(document, "grant_types_supported"),
        authorization_response_iss_parameter_supported=(
            document.get("authorization_response_iss_parameter_supported") is True
        ),
    )


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise DiscoveryFailed(gettext_noop("%(name)s is not a string.") % {"name": name})
    return value


def _texts(document: Mapping[str, Any], name: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = document.get(name)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DiscoveryFailed(gettext_noop("%(name)s is not a list of strings.") % {"name": name})
    return tuple(value)
