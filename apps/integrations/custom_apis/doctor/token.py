"""What the token endpoint's answers to a made-up code tell: the address, the client, how it authenticates. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.endpoint import Place, badly_answered
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply

_PLACE = Place(
    "token", "token URL", "token_url",
    "Look up the address of the token endpoint in the service’s documentation, or look it up at the issuer.",
)  # fmt: skip
_METHODS = {
    "client_secret_basic": "in the header (client_secret_basic)",
    "client_secret_post": "in the body (client_secret_post)",
    "none": "without a secret (none)",
}


def token_findings(seen: Observations) -> Iterator[Finding]:
    """About the token URL; nothing where it was not asked."""
    if not seen.token:
        return
    first, *others = seen.token
    better = next((reply for reply in others if reply.result in ("client_accepted", "redirect_uri")), None)
    if first.result in ("client_refused", "other_error") and better is not None:
        yield _wrong_method(seen, first, better)
        return
    yield badly_answered(_PLACE, first) or _BY_RESULT[first.result](seen, first)


def _wrong_method(seen: Observations, first: TokenReply, better: TokenReply) -> Finding:
    return Finding(
        "wrong_client_authentication", "fault", "The client signs in the wrong way",
        f"{seen.name} refuses the client ID and secret {_METHODS[first.method]}, and takes the same ones "
        f"{_METHODS[better.method]}.",
        f"Choose {better.method} as client authentication and save.", "token_endpoint_auth_method",
    )  # fmt: skip


def _refused(seen: Observations, reply: TokenReply) -> Finding:
    if seen.authentication.type == "oauth2_client_credentials":
        return Finding(
            "token_answers", "ok", "The token URL speaks OAuth",
            "It refuses a client that nobody registered, as it should.",
        )  # fmt: skip
    refused = [one for one in seen.token if one.result == "client_refused"]
    tried = "to every way of sending them" if len(refused) > 1 else "to the only way of sending them"
    what = "client ID or secret" if seen.has_secret else "client ID"
    return Finding(
        "client_refused", "fault", f"The {what} is wrong",
        f"The token URL answers “{reply.code}” {tried}, so it is not the way that is wrong.",
        f"Copy the {what} again from {seen.name}, and look whether the secret ended or was replaced there.",
        "client_secret" if seen.has_secret else "client_id",
    )  # fmt: skip


def _accepted(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "client_accepted", "ok", "The client is accepted",
        f"{seen.name} takes the client {_METHODS[reply.method]}, and refuses only the made-up code.",
    )  # fmt: skip


def _unauthorized(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "client_unauthorized", "fault", "The client may not use this grant",
        f"{seen.name} knows the client, but answers “{reply.code}”.",
        "Allow it the authorization code grant (and refresh tokens) at the service.", "client_id",
    )  # fmt: skip


def _redirect_uri(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "redirect_uri_refused", "fault", "The redirect URI is not accepted",
        f"{seen.name} complains about it when a code is redeemed.",
        f"Register exactly {seen.redirect_uri} there.", "redirect_uri",
    )  # fmt: skip


def _other(seen: Observations, reply: TokenReply) -> Finding:
    if reply.code == "unsupported_grant_type":
        return Finding(
            "grant_unsupported", "fault", "The token URL does not take authorization codes",
            "It answers “unsupported_grant_type”.",
            "Look whether the service offers another kind of sign-in.", "token_url",
        )  # fmt: skip
    return Finding(
        "token_answers_otherwise", "advice", "The token URL speaks OAuth, but does not judge the client",
        f"It answers “{reply.code}” to a made-up code, before it looks at the client.",
        "Connect once: the trace then tells more.", "token_url",
    )  # fmt: skip


def _nonsense(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "accepts_nonsense", "advice", "The token URL accepts a code that nobody gave out",
        "So nothing can be told about the client.", "Look whether this is the service’s real address.", "token_url",
    )  # fmt: skip


_BY_RESULT = {
    "client_accepted": _accepted,
    "client_refused": _refused,
    "client_unauthorized": _unauthorized,
    "redirect_uri": _redirect_uri,
    "other_error": _other,
    "accepted_nonsense": _nonsense,
}
