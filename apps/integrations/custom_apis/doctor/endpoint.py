"""What can be wrong with any address that a program talks to: nothing there, a page for people, no answer. Pure."""

from dataclasses import dataclass

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import TokenReply


@dataclass(frozen=True)
class Place:
    """One such address: the start of its findings' codes, its name for people, its field, and where to look it up."""

    code: str
    name: str
    field: str
    fix: str


def badly_answered(place: Place, reply: TokenReply) -> Finding | None:
    """What an answer that is none of the protocol's says about the address; None for one that is."""
    if reply.result == "no_oauth":
        code, title, sentence = _no_oauth(place, reply)
        return Finding(f"{place.code}_{code}", "fault", title, sentence, place.fix, place.field)
    if reply.result == "fault":
        return Finding(
            f"{place.code}_broken", "fault", f"The {place.name} answers with an error of its own",
            f"HTTP status {reply.status}: that is the service’s fault.",
            "Try again later, or ask the service.", place.field,
        )  # fmt: skip
    if reply.result in ("unreachable", "silent", "refused_by_us"):
        return Finding(
            f"{place.code}_unreachable", "fault", f"The {place.name} cannot be reached", reply.failure,
            "Check the host’s name, and whether the service runs.", place.field,
        )  # fmt: skip
    return None


def _no_oauth(place: Place, reply: TokenReply) -> tuple[str, str, str]:
    name = place.name
    if reply.status in (404, 410):
        return "not_found", f"There is nothing at the {name}", f"It answers with HTTP status {reply.status}."
    if reply.status is not None and 300 <= reply.status < 400:
        sentence = f"It answers with a redirect (HTTP status {reply.status}), which nobody follows with a secret."
        return "redirects", f"The {name} leads elsewhere", sentence
    if reply.is_html:
        sentence = f"A page for people came (HTML, HTTP status {reply.status}) where a program’s answer belongs."
        return "is_a_page", f"The {name} answers with a web page", sentence
    return "no_oauth", f"The {name} does not speak OAuth", f"HTTP status {reply.status}: {reply.failure}."
