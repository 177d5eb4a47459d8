"""Findings on the refresh URL and the revocation URL, by their responses to a made-up token. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.doctor.endpoint import Endpoint, endpoint_fault
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply
from apps.integrations.custom_apis.doctor.token import is_accepted

_REFRESH = Endpoint(
    "refresh",
    gettext_noop("refresh URL"),
    "refresh_url",
    gettext_noop(
        "Leave it empty if tokens are refreshed at the token URL, as with most services. Otherwise "
        "find it in the service’s documentation."
    ),
)
_REVOCATION = Endpoint(
    "revocation",
    gettext_noop("revocation URL"),
    "revocation_url",
    gettext_noop(
        "Find it in the service’s documentation, or look it up at the issuer. If there is none, "
        "leave it empty: grants are then not revoked when people disconnect."
    ),
)


def end_findings(seen: Observations) -> Iterator[Finding]:
    """For both, where they were observed."""
    if seen.refresh is not None:
        yield endpoint_fault(_REFRESH, seen.refresh) or _refresh(seen, seen.refresh)
    settings = seen.authentication
    if settings.type == "oauth2" and not settings.revocation_url:
        yield Finding(
            "no_revocation",
            "advice",
            gettext_noop("No revocation URL is set"),
            gettext_noop("Disconnecting then deletes the tokens here and leaves the grant at the service."),
            gettext_noop("Enter it if the service has one. Adding it later requires the client secret again."),
            "revocation_url",
        )
    if seen.revocation is not None:
        yield endpoint_fault(_REVOCATION, seen.revocation) or _revocation(seen, seen.revocation)


def _refresh(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused":
        return _refuses(seen, _REFRESH, reply)
    if reply.code == "unsupported_grant_type":
        return Finding(
            "refresh_unsupported",
            "fault",
            gettext_noop("The refresh URL does not refresh tokens"),
            gettext_noop("It responds with “unsupported_grant_type”."),
            _REFRESH.fix,
            _REFRESH.field,
        )
    if reply.result == "accepted_nonsense":
        return Finding(
            "refresh_accepts_nonsense",
            "advice",
            gettext_noop("The refresh URL accepts a made-up token"),
            gettext_noop("It cannot be verified."),
            gettext_noop("Check whether this is the correct URL."),
            _REFRESH.field,
        )
    return Finding(
        "refresh_answers",
        "ok",
        gettext_noop("The refresh URL works"),
        gettext_noop("It rejects a made-up refresh token (“%(code)s”), as expected.") % {"code": reply.code},
    )


def _revocation(seen: Observations, reply: TokenReply) -> Finding:
    if reply.result == "client_refused":
        return _refuses(seen, _REVOCATION, reply)
    if reply.code == "unsupported_token_type":
        return Finding(
            "revocation_unsupported",
            "advice",
            gettext_noop("The revocation URL does not revoke refresh tokens"),
            gettext_noop("It responds with “unsupported_token_type” (RFC 7009)."),
            gettext_noop("Find out in the service’s documentation how a grant is revoked."),
            _REVOCATION.field,
        )
    detail = (
        gettext_noop("It responds with “%(code)s”.") % {"code": reply.code}
        if reply.code
        else gettext_noop("It accepts an unknown token, as RFC 7009 requires.")
    )
    return Finding("revocation_answers", "ok", gettext_noop("The revocation URL works"), detail)


def _refuses(seen: Observations, endpoint: Endpoint, reply: TokenReply) -> Finding:
    if not is_accepted(seen):
        return Finding(
            f"{endpoint.code}_answers",
            "ok",
            gettext_noop("The %(url)s responds") % {"url": endpoint.name},
            gettext_noop("It rejects the client (“%(code)s”), which the token URL does not accept either.")
            % {"code": reply.code},
        )
    return Finding(
        f"{endpoint.code}_refuses_client",
        "fault",
        gettext_noop("The %(url)s rejects the client") % {"url": endpoint.name},
        gettext_noop("It responds with “%(code)s” to the ID and secret that the token URL of %(service)s accepts.")
        % {"code": reply.code, "service": seen.name},
        gettext_noop("Check whether the %(url)s belongs to the same server as the token URL.") % {"url": endpoint.name},
        endpoint.field,
    )
