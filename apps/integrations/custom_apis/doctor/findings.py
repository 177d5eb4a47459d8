"""The findings: what was observed, and how to correct it. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, PageSeen
from apps.integrations.custom_apis.doctor.refresh_and_revocation import end_findings
from apps.integrations.custom_apis.doctor.requested import request_findings
from apps.integrations.custom_apis.doctor.token import token_findings
from apps.integrations.custom_apis.schema import URLS

_ORDER = {"fault": 0, "advice": 1, "ok": 2}
_NAMES = {
    "authorization_url": "authorization URL",
    "token_url": "token URL",
    "request_token_url": "request token URL",
    "client_id": "client ID",
    "key_name": "name of the header or parameter",
}


def findings(seen: Observations) -> list[Finding]:
    """All findings, faults first."""
    results = [*_missing(seen), *_https(seen), *_base(seen)]
    if seen.authentication.type in ("oauth2", "oauth2_client_credentials"):
        results += [*_authorization(seen), *token_findings(seen), *end_findings(seen)]
        results += [*request_findings(seen), *_metadata(seen)]
    if seen.authentication.type == "oauth1":
        results += token_findings(seen)
    return sorted(results, key=lambda finding: _ORDER[finding.severity])


def _missing(seen: Observations) -> Iterator[Finding]:
    for name in seen.missing:
        label = _NAMES.get(name, name)
        yield Finding(
            f"missing_{name}", "fault", f"The {label} is missing", "People cannot connect without it.",
            f"Enter the {label} and save.", name,
        )  # fmt: skip


def _https(seen: Observations) -> Iterator[Finding]:
    insecure = [name for name in URLS if getattr(seen.authentication, name).startswith("http://")]
    if insecure:
        yield Finding(
            "no_https", "advice", "Not all URLs use https",
            "Secrets and tokens are sent unencrypted to URLs that begin with http://.",
            "Use https, except on your own machine.", insecure[0],
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
        yield Finding("base_answers", "ok", "The base URL responds", f"It responds with HTTP status {page.status}.")


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
            "authorization_not_found", "fault", "The authorization URL does not exist",
            f"It responds with HTTP status {page.status}.",
            "Find the authorization URL in the service’s documentation, or look it up at the issuer.", field,
        )  # fmt: skip
    elif page.status >= 500:
        yield Finding(
            "authorization_broken", "fault", "The authorization URL responds with a server error",
            f"HTTP status {page.status}. The fault is at the service.", "Try again later, or ask the service.", field,
        )  # fmt: skip
    elif page.about_redirect_uri:
        yield Finding(
            "redirect_uri_refused", "fault", "The redirect URI is not accepted",
            f"{seen.name} rejects it before the sign-in page.",
            f"Register exactly {seen.redirect_uri} there.", "redirect_uri",
        )  # fmt: skip
    else:
        yield from _answering(seen, page)


def _answering(seen: Observations, page: PageSeen) -> Iterator[Finding]:
    field = "authorization_url"
    if page.leads_back and page.error and page.error != "invalid_scope":
        yield Finding(
            "authorization_refused", "fault", "The authorization request is refused",
            f"{seen.name} responds with “{page.error}” before the sign-in page.",
            "Check the client ID and the permissions of the client at the service.", "client_id",
        )  # fmt: skip
    elif page.status is not None and page.status >= 400:
        yield Finding(
            "authorization_complains", "advice", "The authorization URL rejects the request",
            f"It responds with HTTP status {page.status}. Usually the client ID or the redirect URI is not registered.",
            f"Compare the client ID, and register exactly {seen.redirect_uri}.", "client_id",
        )  # fmt: skip
    elif not (page.leads_back and page.error):
        yield Finding(
            "authorization_answers", "ok", "The authorization URL responds", "It can show a sign-in page.", "", field
        )


def _metadata(seen: Observations) -> Iterator[Finding]:
    metadata, settings = seen.metadata, seen.authentication
    if metadata is None:
        return
    published = {
        "authorization_url": metadata.authorization_endpoint,
        "token_url": metadata.token_endpoint,
    }
    for field, url in published.items():
        configured = getattr(settings, field)
        if url and configured and configured != url:
            yield Finding(
                f"other_{field}", "advice", f"The issuer publishes another {_NAMES[field]}",
                f"Its metadata has {url[:300]}.", "Look it up at the issuer, unless the difference is intended.", field,
            )  # fmt: skip
    if metadata.registration_endpoint and not seen.has_client:
        yield Finding(
            "registration_offered", "advice", "The issuer supports dynamic client registration",
            "It can issue a client ID and secret automatically.", _register(seen), "client_id",
        )  # fmt: skip


def _register(seen: Observations) -> str:
    if seen.authentication.registration_url:
        return "Choose Register for me."
    return "Look it up at the issuer and save; Register for me is then offered."
