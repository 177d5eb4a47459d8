"""The findings: what was observed, and how to correct it. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, PageSeen
from apps.integrations.custom_apis.doctor.refresh_and_revocation import end_findings
from apps.integrations.custom_apis.doctor.requested import request_findings
from apps.integrations.custom_apis.doctor.token import token_findings
from apps.integrations.custom_apis.schema import URLS

_ORDER = {"fault": 0, "advice": 1, "ok": 2}
_NAMES = {
    "authorization_url": gettext_noop("authorization URL"),
    "token_url": gettext_noop("token URL"),
    "request_token_url": gettext_noop("request token URL"),
    "client_id": gettext_noop("client ID"),
    "key_name": gettext_noop("name of the header or parameter"),
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
            f"missing_{name}",
            "fault",
            gettext_noop("The %(label)s is missing") % {"label": label},
            gettext_noop("People cannot connect without it."),
            gettext_noop("Enter the %(label)s and save.") % {"label": label},
            name,
        )


def _https(seen: Observations) -> Iterator[Finding]:
    insecure = [name for name in URLS if getattr(seen.authentication, name).startswith("http://")]
    if insecure:
        yield Finding(
            "no_https",
            "advice",
            gettext_noop("Not all URLs use https"),
            gettext_noop("Secrets and tokens are sent unencrypted to URLs that begin with http://."),
            gettext_noop("Use https, except on your own machine."),
            insecure[0],
        )


def _base(seen: Observations) -> Iterator[Finding]:
    page = seen.base
    if page is None:
        return
    if page.status is None:
        yield Finding(
            "base_unreachable",
            "fault",
            gettext_noop("The base URL cannot be reached"),
            page.failure,
            gettext_noop("Check the base URL on the Overview tab, and whether the service runs."),
            "base_url",
        )
    else:
        yield Finding(
            "base_answers",
            "ok",
            gettext_noop("The base URL responds"),
            gettext_noop("It responds with HTTP status %(status)s.") % {"status": page.status},
        )


def _authorization(seen: Observations) -> Iterator[Finding]:
    page, field = seen.authorization, "authorization_url"
    if page is None:
        return
    if page.status is None:
        yield Finding(
            "authorization_unreachable",
            "fault",
            gettext_noop("The authorization URL cannot be reached"),
            page.failure,
            gettext_noop("Check the host’s name, and whether the service runs."),
            field,
        )
    elif page.status in (404, 410):
        yield Finding(
            "authorization_not_found",
            "fault",
            gettext_noop("The authorization URL does not exist"),
            gettext_noop("It responds with HTTP status %(status)s.") % {"status": page.status},
            gettext_noop("Find the authorization URL in the service’s documentation, or look it up at the issuer."),
            field,
        )
    elif page.status >= 500:
        yield Finding(
            "authorization_broken",
            "fault",
            gettext_noop("The authorization URL responds with a server error"),
            gettext_noop("HTTP status %(status)s. The fault is at the service.") % {"status": page.status},
            gettext_noop("Try again later, or ask the service."),
            field,
        )
    else:
        yield from _answering(seen, page)


def _redirect_uri_refused(seen: Observations) -> Finding:
    return Finding(
        "redirect_uri_refused",
        "fault",
        gettext_noop("The redirect URI is not accepted"),
        gettext_noop("%(service)s rejects it before the sign-in page.") % {"service": seen.name},
        gettext_noop("Register exactly %(redirect_uri)s there.") % {"redirect_uri": seen.redirect_uri},
        "redirect_uri",
    )


def _answering(seen: Observations, page: PageSeen) -> Iterator[Finding]:
    field = "authorization_url"
    if page.about_redirect_uri:
        yield _redirect_uri_refused(seen)
    elif page.leads_back and page.error and page.error != "invalid_scope":
        yield Finding(
            "authorization_refused",
            "fault",
            gettext_noop("The authorization request is refused"),
            gettext_noop("%(service)s responds with “%(error)s” before the sign-in page.")
            % {"service": seen.name, "error": page.error},
            gettext_noop("Check the client ID and the permissions of the client at the service."),
            "client_id",
        )
    elif page.status is not None and page.status >= 400:
        yield Finding(
            "authorization_complains",
            "advice",
            gettext_noop("The authorization URL rejects the request"),
            gettext_noop(
                "It responds with HTTP status %(status)s. Usually the client ID or the redirect URI is not registered."
            )
            % {"status": page.status},
            gettext_noop("Compare the client ID, and register exactly %(redirect_uri)s.")
            % {"redirect_uri": seen.redirect_uri},
            "client_id",
        )
    elif not (page.leads_back and page.error):
        yield Finding(
            "authorization_answers",
            "ok",
            gettext_noop("The authorization URL responds"),
            gettext_noop("It can show a sign-in page."),
            "",
            field,
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
                f"other_{field}",
                "advice",
                gettext_noop("The issuer publishes another %(url)s") % {"url": _NAMES[field]},
                gettext_noop("Its metadata has %(url)s.") % {"url": url[:300]},
                gettext_noop("Look it up at the issuer, unless the difference is intended."),
                field,
            )
    if metadata.registration_endpoint and not seen.has_client:
        yield Finding(
            "registration_offered",
            "advice",
            gettext_noop("The issuer supports dynamic client registration"),
            gettext_noop("It can issue a client ID and secret automatically."),
            _register(seen),
            "client_id",
        )


def _register(seen: Observations) -> str:
    if seen.authentication.registration_url:
        return gettext_noop("Choose Register for me.")
    return gettext_noop("Look it up at the issuer and save; Register for me is then offered.")
