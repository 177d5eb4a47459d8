"""Faults that any endpoint can have: not found, an HTML page, no response. Pure."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import TokenReply


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: the prefix of its finding codes, its label, its form field, and how to correct it."""

    code: str
    name: str
    field: str
    fix: str


def endpoint_fault(endpoint: Endpoint, reply: TokenReply) -> Finding | None:
    """The fault that a response outside of the protocol shows; None for a response of the protocol."""
    if reply.result in ("no_oauth", "bare_refusal"):
        code, title, detail = _no_oauth(endpoint, reply)
        return Finding(f"{endpoint.code}_{code}", "fault", title, detail, endpoint.fix, endpoint.field)
    if reply.result == "fault":
        return Finding(
            f"{endpoint.code}_broken",
            "fault",
            gettext_noop("The %(url)s responds with a server error") % {"url": endpoint.name},
            gettext_noop("HTTP status %(status)s. The fault is at the service.") % {"status": reply.status},
            gettext_noop("Try again later, or ask the service."),
            endpoint.field,
        )
    if reply.result in ("unreachable", "silent", "refused_by_us"):
        return Finding(
            f"{endpoint.code}_unreachable",
            "fault",
            gettext_noop("The %(url)s cannot be reached") % {"url": endpoint.name},
            reply.failure,
            gettext_noop("Check the host’s name, and whether the service runs."),
            endpoint.field,
        )
    return None


def _no_oauth(endpoint: Endpoint, reply: TokenReply) -> tuple[str, str, str]:
    name = endpoint.name
    if reply.status in (404, 410):
        return (
            "not_found",
            gettext_noop("The %(name)s does not exist") % {"name": name},
            gettext_noop("It responds with HTTP status %(status)s.") % {"status": reply.status},
        )
    if reply.status is not None and 300 <= reply.status < 400:
        detail = gettext_noop(
            "It responds with a redirect (HTTP status %(status)s). Secrets are not sent to redirects."
        ) % {"status": reply.status}
        return "redirects", gettext_noop("The %(name)s redirects") % {"name": name}, detail
    if reply.is_html:
        detail = gettext_noop("It responds with HTML (HTTP status %(status)s) instead of JSON.") % {
            "status": reply.status
        }
        return "is_a_page", gettext_noop("The %(name)s is a web page") % {"name": name}, detail
    return (
        "no_oauth",
        gettext_noop("The %(name)s is not an OAuth endpoint") % {"name": name},
        gettext_noop("HTTP status %(status)s: %(failure)s.") % {"status": reply.status, "failure": reply.failure},
    )
