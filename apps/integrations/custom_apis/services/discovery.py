"""Authorization server metadata as fields of the Authentication tab (RFC 8414, OpenID Connect Discovery)."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.schema import IDENTITY_SCOPES
from apps.integrations.custom_apis.validation import url_problem
from apps.integrations.errors import InvalidInput
from apps.oauth.discovery import ServerMetadata, discover
from apps.oauth.errors import DiscoveryFailed, EndpointRefused, OAuthError
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team

DEADLINE = 15.0
_WELL_KNOWN_PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_MOST_SCOPES = 50
_MOST_ISSUERS = 8


@for_actors_team
def discovered(*, actor: Actor, url: str) -> dict[str, Any]:
    """The fields that the metadata of an issuer fills in. `url` is the issuer or any of its URLs.

    The `issuer` in the metadata must equal the requested one exactly. Raises NotAllowed, and InvalidInput
    (`discovery_url`) where no metadata is found or the URL is not allowed.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    url = url.strip()
    if message := url_problem(url):
        raise InvalidInput([("discovery_url", message)])
    end, failure = time.monotonic() + DEADLINE, gettext_noop("The issuer publishes no metadata.")
    for issuer in issuers_of(url):
        left = end - time.monotonic()
        if left <= 0:
            failure = gettext_noop("The issuer did not respond in time.")
            break
        try:
            return fields_of(discover(issuer, deadline=left))
        except EndpointRefused as refused:
            raise InvalidInput([("discovery_url", refused.reason)]) from None
        except DiscoveryFailed as error:
            failure = str(error)
        except OAuthError:
            failure = gettext_noop("The issuer did not respond, or its response is not valid.")
    raise InvalidInput([("discovery_url", gettext_noop("%(failure)s Enter the URLs below.") % {"failure": failure})])


def issuers_of(url: str) -> list[str]:
    """The issuers that this URL may belong to: itself, without a well-known path, then its parent paths; each with and
    without a slash at its end, since metadata must repeat the issuer exactly."""
    parts = urlsplit(url.partition("?")[0].partition("#")[0])
    path = parts.path
    for well_known in _WELL_KNOWN_PATHS:
        if well_known in path:
            before, _, after = path.partition(well_known)
            path = before + after
    steps = [step for step in path.split("/") if step]
    parents = ["/" + "/".join(steps[:length]) if length else "" for length in range(len(steps), -1, -1)]
    paths = [path, *parents]
    variants = [variant for one in paths for variant in (one, f"{one.rstrip('/')}/")]
    urls = (urlunsplit((parts.scheme, parts.netloc, variant, "", "")) for variant in variants)
    return list(dict.fromkeys(urls))[:_MOST_ISSUERS]


def fields_of(metadata: ServerMetadata) -> dict[str, Any]:
    """The fields from the metadata, without URLs to which requests cannot be sent."""
    urls: Mapping[str, str | None] = {
        "issuer": metadata.issuer,
        "authorization_url": metadata.authorization_endpoint,
        "token_url": metadata.token_endpoint,
        "revocation_url": metadata.revocation_endpoint,
        "registration_url": metadata.registration_endpoint,
        "account_url": metadata.userinfo_endpoint,
    }
    found: dict[str, Any] = {name: url for name, url in urls.items() if url and not url_problem(url)}
    supported = metadata.token_endpoint_auth_methods_supported
    known = [way for way in ("client_secret_basic", "client_secret_post", "none") if way in supported]
    if known:
        found["token_endpoint_auth_method"] = known[0]
    if "S256" in metadata.code_challenge_methods_supported:
        found["pkce"] = True
    if metadata.authorization_response_iss_parameter_supported:
        found["iss_required"] = True
    scopes = [{"name": name, "default": name in IDENTITY_SCOPES} for name in metadata.scopes_supported[:_MOST_SCOPES]]
    return found | ({"scopes": scopes} if scopes else {})
