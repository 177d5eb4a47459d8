"""Findings on the token URL and the client, by the responses to a made-up code. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.doctor.endpoint import Endpoint, endpoint_fault
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply

_ENDPOINT = Endpoint(
    "token",
    gettext_noop("token URL"),
    "token_url",
    gettext_noop("Find the token URL in the service’s documentation, or look it up at the issuer."),
)
_SIGNED = Endpoint(
    "request_token",
    gettext_noop("request token URL"),
    "request_token_url",
    gettext_noop("Find the URL of request tokens in the service’s documentation."),
)
_METHODS = {
    "client_secret_basic": gettext_noop("in the header (client_secret_basic)"),
    "client_secret_post": gettext_noop("in the body (client_secret_post)"),
    "none": gettext_noop("without a secret (none)"),
    "raw": gettext_noop("as they are in the header"),
    "encoded": gettext_noop("encoded in the header"),
    "oauth1": gettext_noop("with its signature"),
}
_KNOWS_ID = gettext_noop("It knows the client ID.")


def token_findings(seen: Observations) -> Iterator[Finding]:
    """Empty where the token URL was not observed."""
    if not seen.token:
        return
    first, *others = seen.token
    better = next((reply for reply in others if reply.proves_secret and reply.result != "client_refused"), None)
    if better is not None:
        yield _wrong_method(seen, first, better)
    elif _is_proven(seen, first):
        yield _PROVEN.get(first.result, _accepted)(seen, first)
    else:
        endpoint = _SIGNED if first.method == "oauth1" else _ENDPOINT
        yield endpoint_fault(endpoint, first) or _BY_RESULT[first.result](seen, first)


def is_accepted(seen: Observations) -> bool:
    """Whether the configured client was accepted at the token URL."""
    first = seen.token[0] if seen.token else None
    return (
        first is not None and _is_proven(seen, first) and first.result not in ("client_refused", "client_unauthorized")
    )


def _is_proven(seen: Observations, reply: TokenReply) -> bool:
    """Whether a made-up secret, or where there is none a made-up client, is answered otherwise."""
    return reply.proves_secret if reply.made_up_secret is not None else reply.proves_client


def _wrong_method(seen: Observations, first: TokenReply, better: TokenReply) -> Finding:
    if better.method in ("raw", "encoded"):
        return _wrong_encoding(seen, first, better)
    return Finding(
        "wrong_client_authentication",
        "fault",
        gettext_noop("The client authentication method is wrong"),
        gettext_noop("%(service)s rejects the client ID and secret %(configured)s, and accepts them %(accepted)s.")
        % {"service": seen.name, "configured": _METHODS[first.method], "accepted": _METHODS[better.method]},
        gettext_noop("Choose %(method)s as client authentication and save.") % {"method": better.method},
        "token_endpoint_auth_method",
    )


def _wrong_encoding(seen: Observations, first: TokenReply, better: TokenReply) -> Finding:
    if better.method == "raw":
        return Finding(
            "client_not_decoded",
            "fault",
            gettext_noop("The service does not decode the client ID and secret"),
            gettext_noop(
                "RFC 6749 (2.3.1) form-encodes them in the header. %(service)s rejects them so, and accepts "
                "them as they are."
            )
            % {"service": seen.name},
            gettext_noop(
                "Choose “As they are” under “ID and secret in the header” and save. If the service documents "
                "client_secret_post, choose that instead."
            ),
            "basic_credentials",
        )
    return Finding(
        "client_must_be_encoded",
        "fault",
        gettext_noop("The client ID and secret have to be form-encoded"),
        gettext_noop("%(service)s rejects them as they are, and accepts them encoded as RFC 6749 (2.3.1) requires.")
        % {"service": seen.name},
        gettext_noop("Choose “Form-encoded” under “ID and secret in the header” and save."),
        "basic_credentials",
    )


def _refused(seen: Observations, reply: TokenReply) -> Finding:
    if seen.authentication.type == "oauth2_client_credentials":
        return Finding(
            "token_answers",
            "ok",
            gettext_noop("The token URL works"),
            gettext_noop("It rejects a made-up client, as expected."),
        )
    refused = [one for one in seen.token if one.result == "client_refused"]
    tried = (
        gettext_noop("for every method of client authentication")
        if len(refused) > 1
        else gettext_noop("for the configured method")
    )
    only_secret = seen.has_secret and reply.proves_client and not reply.proves_secret
    label = (
        gettext_noop("client secret")
        if only_secret
        else gettext_noop("client ID or secret")
        if seen.has_secret
        else gettext_noop("client ID")
    )
    return Finding(
        "client_refused",
        "fault",
        gettext_noop("The %(label)s is wrong") % {"label": label},
        gettext_noop("The token URL responds with “%(code)s” %(tried)s.") % {"code": reply.code, "tried": tried},
        gettext_noop(
            "Copy the %(label)s again from %(service)s, and check whether the secret has expired or was replaced there."
        )
        % {"label": label, "service": seen.name},
        "client_secret" if seen.has_secret else "client_id",
    )


def _accepted(seen: Observations, reply: TokenReply) -> Finding:
    made_up = (
        gettext_noop("a made-up secret") if reply.made_up_secret is not None else gettext_noop("a made-up client ID")
    )
    return Finding(
        "client_accepted",
        "ok",
        gettext_noop("The client is accepted"),
        gettext_noop("%(service)s responds to the client %(method)s otherwise than to %(made_up)s.")
        % {"service": seen.name, "method": _METHODS[reply.method], "made_up": made_up},
    )


def _not_judged(seen: Observations, reply: TokenReply) -> Finding:
    """The same response to a made-up secret: nothing follows for the real one."""
    title = gettext_noop("The client ID cannot be verified from outside")
    if seen.has_secret and reply.proves_client:
        title = gettext_noop("The client secret cannot be verified from outside")
    elif seen.has_secret:
        title = gettext_noop("The client cannot be verified from outside")
    said = f"“{reply.code}”" if reply.code else gettext_noop("HTTP status %(status)s") % {"status": reply.status}
    made_up = (
        gettext_noop("%(service)s responds to a made-up secret as it does to the real one (%(said)s).")
        if seen.has_secret
        else gettext_noop("%(service)s responds to a made-up client ID as it does to the real one (%(said)s).")
    )
    detail = made_up % {"service": seen.name, "said": said}
    return Finding(
        "client_not_judged",
        "advice",
        title,
        f"{detail} {_KNOWS_ID}" if seen.has_secret and reply.proves_client else detail,
        gettext_noop("Connect once: the trace then shows whether it is accepted."),
        "client_secret" if seen.has_secret else "client_id",
    )


def _unauthorized_like_any(seen: Observations, reply: TokenReply) -> Finding:
    """`unauthorized_client` for the real client and a made-up one alike."""
    return Finding(
        "client_refused",
        "fault",
        gettext_noop("The client is rejected"),
        gettext_noop("%(service)s responds with “%(code)s” to the client and to a made-up one alike.")
        % {"service": seen.name, "code": reply.code},
        gettext_noop(
            "Copy the client ID and secret again. If they are right, enable the authorization code grant "
            "for the client at the service."
        ),
        "client_secret" if seen.has_secret else "client_id",
    )


def _unauthorized(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "client_unauthorized",
        "fault",
        gettext_noop("The client may not use this grant"),
        gettext_noop("%(service)s responds with “%(code)s”.") % {"service": seen.name, "code": reply.code},
        gettext_noop("Enable the authorization code grant (and refresh tokens) for the client at the service."),
        "client_id",
    )


def _redirect_uri(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "redirect_uri_refused",
        "fault",
        gettext_noop("The redirect URI is not accepted"),
        gettext_noop("%(service)s rejects it when a code is exchanged.") % {"service": seen.name},
        gettext_noop("Register exactly %(redirect_uri)s there.") % {"redirect_uri": seen.redirect_uri},
        "redirect_uri",
    )


def _other(seen: Observations, reply: TokenReply) -> Finding:
    if reply.code == "unsupported_grant_type":
        return Finding(
            "grant_unsupported",
            "fault",
            gettext_noop("The token URL does not accept authorization codes"),
            gettext_noop("It responds with “unsupported_grant_type”."),
            gettext_noop("Check whether the service supports another grant."),
            "token_url",
        )
    return _not_judged(seen, reply)


def _nonsense(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "accepts_nonsense",
        "advice",
        gettext_noop("The token URL accepts a made-up code"),
        gettext_noop("The client cannot be verified."),
        gettext_noop("Check whether this is the correct URL."),
        "token_url",
    )


# Where a made-up client is answered otherwise; any other response then shows that the client is accepted.
_PROVEN = {
    "client_refused": _refused,
    "client_unauthorized": _unauthorized,
    "redirect_uri": _redirect_uri,
}
_BY_RESULT = {
    "client_accepted": _not_judged,
    "client_refused": _refused,
    "client_unauthorized": _unauthorized_like_any,
    "redirect_uri": _redirect_uri,
    "other_error": _other,
    "accepted_nonsense": _nonsense,
}
