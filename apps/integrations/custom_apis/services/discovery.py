"""What an authorization server publishes about itself, as fields of the Authentication tab (RFC 8414, OpenID)."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from apps.integrations.custom_apis.validation import address_problem
from apps.integrations.errors import InvalidInput
from apps.oauth.discovery import ServerMetadata, discover
from apps.oauth.errors import DiscoveryFailed, EndpointRefused, OAuthError
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action

DEADLINE = 15.0
_MARKS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_MOST_SCOPES = 50


def discovered(*, actor: Actor, url: str) -> dict[str, Any]:
    """The fields that the issuer's metadata fill in. `url` is the issuer, or any address of it.

    The metadata counts only where its issuer is, character by character, the one that it was asked for. Raises
    NotAllowed, and InvalidInput (`discovery_url`) where nothing is published or the address may not be asked.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    url = url.strip()
    if sentence := address_problem(url):
        raise InvalidInput([("discovery_url", sentence)])
    end, failure = time.monotonic() + DEADLINE, "The issuer publishes no metadata."
    for issuer in issuers_of(url):
        left = end - time.monotonic()
        if left <= 0:
            failure = "The issuer did not answer in time."
            break
        try:
            return fields_of(discover(issuer, deadline=left))
        except EndpointRefused as refused:
            raise InvalidInput([("discovery_url", refused.reason)]) from None
        except DiscoveryFailed as error:
            failure = str(error)
        except OAuthError:
            failure = "The issuer did not answer, or its answer cannot be read."
    raise InvalidInput([("discovery_url", f"{failure} Enter its addresses below.")])


def issuers_of(url: str) -> list[str]:
    """The issuers whose address this may be: itself, what its well-known form says, then the addresses above it."""
    parts = urlsplit(url.partition("?")[0].partition("#")[0])
    path = parts.path
    for mark in _MARKS:
        if mark in path:
            before, _, after = path.partition(mark)
            path = before + after
    steps = [step for step in path.split("/") if step]
    above = ["/" + "/".join(steps[:length]) if length else "" for length in range(len(steps), -1, -1)]
    paths = [path, *(above[:1] if not steps else above), "/"]
    return list(dict.fromkeys(urlunsplit((parts.scheme, parts.netloc, one, "", "")) for one in paths))[:6]


def fields_of(metadata: ServerMetadata) -> dict[str, Any]:
    """What counts of the metadata. An address that we would not send anything to is left out."""
    addresses: Mapping[str, str | None] = {
        "issuer": metadata.issuer,
        "authorization_url": metadata.authorization_endpoint,
        "token_url": metadata.token_endpoint,
        "revocation_url": metadata.revocation_endpoint,
        "registration_url": metadata.registration_endpoint,
        "account_url": metadata.userinfo_endpoint,
    }
    found: dict[str, Any] = {name: url for name, url in addresses.items() if url and not address_problem(url)}
    supported = metadata.token_endpoint_auth_methods_supported
    known = [way for way in ("client_secret_basic", "client_secret_post", "none") if way in supported]
    if known:
        found["token_endpoint_auth_method"] = known[0]
    if "S256" in metadata.code_challenge_methods_supported:
        found["pkce"] = True
    if metadata.authorization_response_iss_parameter_supported:
        found["iss_required"] = True
    scopes = [{"name": name, "description": ""} for name in metadata.scopes_supported[:_MOST_SCOPES]]
    return found | ({"scopes": scopes} if scopes else {})
