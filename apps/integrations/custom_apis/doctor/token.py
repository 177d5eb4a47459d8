"""Findings on the token URL and the client, by the responses to a made-up code. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.endpoint import Endpoint, endpoint_fault
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply

_ENDPOINT = Endpoint(
    "token", "token URL", "token_url",
    "Find the token URL in the service’s documentation, or look it up at the issuer.",
)  # fmt: skip
_SIGNED = Endpoint(
    "request_token", "request token URL", "request_token_url",
    "Find the URL of request tokens in the service’s documentation.",
)  # fmt: skip
_METHODS = {
    "client_secret_basic": "in the header (client_secret_basic)",
    "client_secret_post": "in the body (client_secret_post)",
    "none": "without a secret (none)",
    "raw": "as they are in the header",
    "encoded": "encoded in the header",
    "oauth1": "with its signature",
}


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
        "wrong_client_authentication", "fault", "The client authentication method is wrong",
        f"{seen.name} rejects the client ID and secret {_METHODS[first.method]}, and accepts them "
        f"{_METHODS[better.method]}.",
        f"Choose {better.method} as client authentication and save.", "token_endpoint_auth_method",
    )  # fmt: skip


def _wrong_encoding(seen: Observations, first: TokenReply, better: TokenReply) -> Finding:
    if better.method == "raw":
        return Finding(
            "client_not_decoded", "fault", "The service does not decode the client ID and secret",
            f"RFC 6749 (2.3.1) form-encodes them in the header. {seen.name} rejects them so, and accepts them as they "
            "are.",
            "Choose “As they are” under “ID and secret in the header” and save. If the service documents "
            "client_secret_post, choose that instead.", "basic_credentials",
        )  # fmt: skip
    return Finding(
        "client_must_be_encoded", "fault", "The client ID and secret have to be form-encoded",
        f"{seen.name} rejects them as they are, and accepts them encoded as RFC 6749 (2.3.1) requires.",
        "Choose “Form-encoded” under “ID and secret in the header” and save.", "basic_credentials",
    )  # fmt: skip


def _refused(seen: Observations, reply: TokenReply) -> Finding:
    if seen.authentication.type == "oauth2_client_credentials":
        return Finding(
            "token_answers", "ok", "The token URL works",
            "It rejects a made-up client, as expected.",
        )  # fmt: skip
    refused = [one for one in seen.token if one.result == "client_refused"]
    tried = "for every method of client authentication" if len(refused) > 1 else "for the configured method"
    only_secret = seen.has_secret and reply.proves_client and not reply.proves_secret
    label = "client secret" if only_secret else "client ID or secret" if seen.has_secret else "client ID"
    return Finding(
        "client_refused", "fault", f"The {label} is wrong",
        f"The token URL responds with “{reply.code}” {tried}.",
        f"Copy the {label} again from {seen.name}, and check whether the secret has expired or was replaced there.",
        "client_secret" if seen.has_secret else "client_id",
    )  # fmt: skip


def _accepted(seen: Observations, reply: TokenReply) -> Finding:
    made_up = "a made-up secret" if reply.made_up_secret is not None else "a made-up client ID"
    return Finding(
        "client_accepted", "ok", "The client is accepted",
        f"{seen.name} responds to the client {_METHODS[reply.method]} otherwise than to {made_up}.",
    )  # fmt: skip


def _not_judged(seen: Observations, reply: TokenReply) -> Finding:
    """The same response to a made-up secret: nothing follows for the real one."""
    what, known = ("client secret", "") if seen.has_secret else ("client ID", "")
    if seen.has_secret and reply.proves_client:
        known = " It knows the client ID."
    elif seen.has_secret:
        what = "client"
    said = f"“{reply.code}”" if reply.code else f"HTTP status {reply.status}"
    return Finding(
        "client_not_judged", "advice", f"The {what} cannot be verified from outside",
        f"{seen.name} responds to a made-up {'secret' if seen.has_secret else 'client ID'} as it does to the real one "
        f"({said}).{known}",
        "Connect once: the trace then shows whether it is accepted.",
        "client_secret" if seen.has_secret else "client_id",
    )  # fmt: skip


def _unauthorized_like_any(seen: Observations, reply: TokenReply) -> Finding:
    """`unauthorized_client` for the real client and a made-up one alike."""
    return Finding(
        "client_refused", "fault", "The client is rejected",
        f"{seen.name} responds with “{reply.code}” to the client and to a made-up one alike.",
        "Copy the client ID and secret again. If they are right, enable the authorization code grant for the client at "
        "the service.", "client_secret" if seen.has_secret else "client_id",
    )  # fmt: skip


def _unauthorized(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "client_unauthorized", "fault", "The client may not use this grant",
        f"{seen.name} responds with “{reply.code}”.",
        "Enable the authorization code grant (and refresh tokens) for the client at the service.", "client_id",
    )  # fmt: skip


def _redirect_uri(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "redirect_uri_refused", "fault", "The redirect URI is not accepted",
        f"{seen.name} rejects it when a code is exchanged.",
        f"Register exactly {seen.redirect_uri} there.", "redirect_uri",
    )  # fmt: skip


def _other(seen: Observations, reply: TokenReply) -> Finding:
    if reply.code == "unsupported_grant_type":
        return Finding(
            "grant_unsupported", "fault", "The token URL does not accept authorization codes",
            "It responds with “unsupported_grant_type”.",
            "Check whether the service supports another grant.", "token_url",
        )  # fmt: skip
    return _not_judged(seen, reply)


def _nonsense(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "accepts_nonsense", "advice", "The token URL accepts a made-up code",
        "The client cannot be verified.", "Check whether this is the correct URL.", "token_url",
    )  # fmt: skip


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
