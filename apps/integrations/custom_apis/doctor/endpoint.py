"""Faults that any endpoint can have: not found, an HTML page, no response. Pure."""

from dataclasses import dataclass

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
            f"{endpoint.code}_broken", "fault", f"The {endpoint.name} responds with a server error",
            f"HTTP status {reply.status}. The fault is at the service.",
            "Try again later, or ask the service.", endpoint.field,
        )  # fmt: skip
    if reply.result in ("unreachable", "silent", "refused_by_us"):
        return Finding(
            f"{endpoint.code}_unreachable", "fault", f"The {endpoint.name} cannot be reached", reply.failure,
            "Check the host’s name, and whether the service runs.", endpoint.field,
        )  # fmt: skip
    return None


def _no_oauth(endpoint: Endpoint, reply: TokenReply) -> tuple[str, str, str]:
    name = endpoint.name
    if reply.status in (404, 410):
        return "not_found", f"The {name} does not exist", f"It responds with HTTP status {reply.status}."
    if reply.status is not None and 300 <= reply.status < 400:
        detail = f"It responds with a redirect (HTTP status {reply.status}). Secrets are not sent to redirects."
        return "redirects", f"The {name} redirects", detail
    if reply.is_html:
        detail = f"It responds with HTML (HTTP status {reply.status}) instead of JSON."
        return "is_a_page", f"The {name} is a web page", detail
    return "no_oauth", f"The {name} is not an OAuth endpoint", f"HTTP status {reply.status}: {reply.failure}."
