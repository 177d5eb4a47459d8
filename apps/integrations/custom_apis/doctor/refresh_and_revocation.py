"""The refresh URL and the revocation URL, by their answers to a token that nobody gave out. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.endpoint import Place, badly_answered
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply

_REFRESH = Place(
    "refresh", "refresh URL", "refresh_url",
    "Leave it empty if tokens are refreshed at the token URL, as with most services; else look it up in the service’s "
    "documentation.",
)  # fmt: skip
_REVOCATION = Place(
    "revocation", "revocation URL", "revocation_url",
    "Look it up in the service’s documentation or at the issuer. Leave it empty if there is none: disconnecting then "
    "says that the grant still stands at the service.",
)  # fmt: skip


def end_findings(seen: Observations) -> Iterator[Finding]:
    """About both, as far as they are entered and were asked."""
    if seen.refresh is not None:
        yield badly_answered(_REFRESH, seen.refresh) or _refresh(seen, seen.refresh)
    if seen.revocation is not None:
        yield badly_answered(_REVOCATION, seen.revocation) or _revocation(seen, seen.revocation)


def _refresh(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused" and _accepted_elsewhere(seen):
        return _refuses(seen, _REFRESH, reply)
    if reply.code == "unsupported_grant_type":
        return Finding(
            "refresh_unsupported", "fault", "The refresh URL does not refresh tokens",
            "It answers “unsupported_grant_type”.", _REFRESH.fix, _REFRESH.field,
        )  # fmt: skip
    if reply.result == "accepted_nonsense":
        return Finding(
            "refresh_accepts_nonsense", "advice", "The refresh URL accepts a token that nobody gave out",
            "So nothing can be told about it.", "Look whether this is the service’s real address.", _REFRESH.field,
        )  # fmt: skip
    return Finding(
        "refresh_answers", "ok", "The refresh URL speaks OAuth",
        f"It refuses a refresh token that nobody gave out (“{reply.code}”), as it should.",
    )  # fmt: skip


def _revocation(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused" and _accepted_elsewhere(seen):
        return _refuses(seen, _REVOCATION, reply)
    if reply.code == "unsupported_token_type":
        return Finding(
            "revocation_unsupported", "advice", "The revocation URL does not revoke refresh tokens",
            "It answers “unsupported_token_type” (RFC 7009).",
            "Ask the service how a grant is ended for good.", _REVOCATION.field,
        )  # fmt: skip
    said = f"it answers “{reply.code}”" if reply.code else "it has nothing against a token that it does not know"
    return Finding("revocation_answers", "ok", "The revocation URL speaks OAuth", f"Asked as RFC 7009 says, {said}.")


def _refuses(seen: Observations, place: Place, reply: TokenReply) -> Finding:
    return Finding(
        f"{place.code}_refuses_client", "fault", f"The {place.name} refuses the client",
        f"It answers “{reply.code}” to the ID and secret that the token URL of {seen.name} takes.",
        f"Look whether the {place.name} belongs to the same server as the token URL.", place.field,
    )  # fmt: skip


def _accepted_elsewhere(seen: Observations) -> bool:
    return any(reply.result == "client_accepted" for reply in seen.token[:1])
