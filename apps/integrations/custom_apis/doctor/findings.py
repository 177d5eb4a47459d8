"""The findings: each a sentence about what was seen, and how to put it right. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, PageSeen
from apps.integrations.custom_apis.doctor.refresh_and_revocation import end_findings
from apps.integrations.custom_apis.doctor.requested import asking_findings
from apps.integrations.custom_apis.doctor.token import token_findings
from apps.integrations.custom_apis.schema import ADDRESSES

_ORDER = {"fault": 0, "advice": 1, "ok": 2}
_NAMES = {
    "authorization_url": "authorization URL",
    "token_url": "token URL",
    "client_id": "client ID",
    "key_name": "name of the header or parameter",
}


def findings(seen: Observations) -> list[Finding]:
    """What there is to say, faults first."""
    found = [*_missing(seen), *_https(seen), *_base(seen)]
    if seen.authentication.type in ("oauth2", "oauth2_client_credentials"):
        found += [*_authorization(seen), *token_findings(seen), *end_findings(seen)]
        found += [*asking_findings(seen), *_metadata(seen)]
    return sorted(found, key=lambda finding: _ORDER[finding.severity])


def _missing(seen: Observations) -> Iterator[Finding]:
    for name in seen.missing:
        words = _NAMES.get(name, name)
        yield Finding(
            f"missing_{name}", "fault", f"The {words} is missing", "Nobody can connect without it.",
            f"Enter the {words} and save.", name,
        )  # fmt: skip


def _https(seen: Observations) -> Iterator[Finding]:
    plain = [name for name in ADDRESSES if getattr(seen.authentication, name).startswith("http://")]
    if plain:
        yield Finding(
            "no_https", "advice", "Not all addresses use https",
            "Secrets and tokens travel unencrypted to an address that begins with http://.",
            "Use https outside of a machine of your own.", plain[0],
        )  # fmt: skip


def _base(seen: Observations) -> Iterator[Finding]:
    page = seen.base
    if page is None:
        return
    if page.status is None:
        yield Finding(
            "base_unreachable", "fault", "The base URL cannot be reached", page.failure,
            "Check the base URL on the Overview tab, and whether the service runs.", "base_url",
        )  # fmt: skip
    else:
        yield Finding("base_answers", "ok", "The base URL answers", f"It answers with HTTP status {page.status}.")


def _authorization(seen: Observations) -> Iterator[Finding]:
    page, field = seen.authorization, "authorization_url"
    if page is None:
        return
    if page.status is None:
        yield Finding(
            "authorization_unreachable", "fault", "The authorization URL cannot be reached", page.failure,
            "Check the host’s name, and whether the service runs.", field,
        )  # fmt: skip
    elif page.status in (404, 410):
        yield Finding(
            "authorization_not_found", "fault", "There is nothing at the authorization URL",
            f"It answers with HTTP status {page.status}.",
            "Look up the address of the consent page in the service’s documentation, or at the issuer.", field,
        )  # fmt: skip
    elif page.status >= 500:
        yield Finding(
            "authorization_broken", "fault", "The authorization URL answers with an error of its own",
            f"HTTP status {page.status}: that is the service’s fault.", "Try again later, or ask the service.", field,
        )  # fmt: skip
    elif page.about_redirect_uri:
        yield Finding(
            "redirect_uri_refused", "fault", "The redirect URI is not accepted",
            f"{seen.name} complains about it before anybody signs in.",
            f"Register exactly {seen.redirect_uri} there.", "redirect_uri",
        )  # fmt: skip
    else:
        yield from _answering(seen, page)


def _answering(seen: Observations, page: PageSeen) -> Iterator[Finding]:
    field = "authorization_url"
    if page.leads_back and page.error and page.error != "invalid_scope":
        yield Finding(
            "authorization_refused", "fault", "The authorization request is refused",
            f"{seen.name} answers “{page.error}” before anybody signs in.",
            "Check the client ID, and what the client may do, at the service.", "client_id",
        )  # fmt: skip
    elif page.status is not None and page.status >= 400:
        yield Finding(
            "authorization_complains", "advice", "The authorization URL rejected the request",
            f"It answers with HTTP status {page.status}. Most often the client ID or the redirect URI is not "
            "registered there.",
            f"Compare the client ID, and register exactly {seen.redirect_uri}.", "client_id",
        )  # fmt: skip
    elif not (page.leads_back and page.error):
        yield Finding(
            "authorization_answers", "ok", "The authorization URL answers", "It can show a sign-in page.", "", field
        )


def _metadata(seen: Observations) -> Iterator[Finding]:
    metadata, entered = seen.metadata, seen.authentication
    if metadata is None:
        return
    says = {
        "authorization_url": metadata.authorization_endpoint,
        "token_url": metadata.token_endpoint,
    }
    for field, url in says.items():
        mine = getattr(entered, field)
        if url and mine and mine != url:
            yield Finding(
                f"other_{field}", "advice", f"The issuer names another {_NAMES[field]}",
                f"Its metadata says {url[:300]}.", "Look it up at the issuer, unless you know better.", field,
            )  # fmt: skip
    if metadata.registration_endpoint and not seen.has_client:
        yield Finding(
            "registration_offered", "advice", "The issuer registers clients by itself",
            "It can give out a client ID and secret without anybody’s help.", _register(seen), "client_id",
        )  # fmt: skip


def _register(seen: Observations) -> str:
    if seen.authentication.registration_url:
        return "Choose Register for me."
    return "Look it up at the issuer and save; Register for me is then offered."
