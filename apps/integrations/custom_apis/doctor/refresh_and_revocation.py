"""Findings on the refresh URL and the revocation URL, by their responses to a made-up token. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.endpoint import Endpoint, endpoint_fault
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply
from apps.integrations.custom_apis.doctor.token import is_accepted

_REFRESH = Endpoint(
    "refresh", "refresh URL", "refresh_url",
    "Leave it empty if tokens are refreshed at the token URL, as with most services. Otherwise find it in the "
    "service’s documentation.",
)  # fmt: skip
_REVOCATION = Endpoint(
    "revocation", "revocation URL", "revocation_url",
    "Find it in the service’s documentation, or look it up at the issuer. If there is none, leave it empty: grants are "
    "then not revoked when people disconnect.",
)  # fmt: skip


def end_findings(seen: Observations) -> Iterator[Finding]:
    """For both, where they were observed."""
    if seen.refresh is not None:
        yield endpoint_fault(_REFRESH, seen.refresh) or _refresh(seen, seen.refresh)
    settings = seen.authentication
    if settings.type == "oauth2" and not settings.revocation_url:
        yield Finding(
            "no_revocation", "advice", "No revocation URL is set",
            "Disconnecting then deletes the tokens here and leaves the grant at the service.",
            "Enter it if the service has one. Adding it later requires the client secret again.", "revocation_url",
        )  # fmt: skip
    if seen.revocation is not None:
        yield endpoint_fault(_REVOCATION, seen.revocation) or _revocation(seen, seen.revocation)


def _refresh(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused":
        return _refuses(seen, _REFRESH, reply)
    if reply.code == "unsupported_grant_type":
        return Finding(
            "refresh_unsupported", "fault", "The refresh URL does not refresh tokens",
            "It responds with “unsupported_grant_type”.", _REFRESH.fix, _REFRESH.field,
        )  # fmt: skip
    if reply.result == "accepted_nonsense":
        return Finding(
            "refresh_accepts_nonsense", "advice", "The refresh URL accepts a made-up token",
            "It cannot be verified.", "Check whether this is the correct URL.", _REFRESH.field,
        )  # fmt: skip
    return Finding(
        "refresh_answers", "ok", "The refresh URL works",
        f"It rejects a made-up refresh token (“{reply.code}”), as expected.",
    )  # fmt: skip


def _revocation(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused":
        return _refuses(seen, _REVOCATION, reply)
    if reply.code == "unsupported_token_type":
        return Finding(
            "revocation_unsupported", "advice", "The revocation URL does not revoke refresh tokens",
            "It responds with “unsupported_token_type” (RFC 7009).",
            "Find out in the service’s documentation how a grant is revoked.", _REVOCATION.field,
        )  # fmt: skip
    detail = f"It responds with “{reply.code}”" if reply.code else "It accepts an unknown token, as RFC 7009 requires"
    return Finding("revocation_answers", "ok", "The revocation URL works", f"{detail}.")


def _refuses(seen: Observations, endpoint: Endpoint, reply: TokenReply) -> Finding:
    if not is_accepted(seen):
        return Finding(
            f"{endpoint.code}_answers", "ok", f"The {endpoint.name} responds",
            f"It rejects the client (“{reply.code}”), which the token URL does not accept either.",
        )  # fmt: skip
    return Finding(
        f"{endpoint.code}_refuses_client", "fault", f"The {endpoint.name} rejects the client",
        f"It responds with “{reply.code}” to the ID and secret that the token URL of {seen.name} accepts.",
        f"Check whether the {endpoint.name} belongs to the same server as the token URL.", endpoint.field,
    )  # fmt: skip
