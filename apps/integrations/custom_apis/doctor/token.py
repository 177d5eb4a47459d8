"""Findings on the token URL and the client, by the responses to a made-up code. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.endpoint import Endpoint, endpoint_fault
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations, TokenReply

_ENDPOINT = Endpoint(
    "token", "token URL", "token_url",
    "Find the token URL in the service’s documentation, or look it up at the issuer.",
)  # fmt: skip
_METHODS = {
    "client_secret_basic": "in the header (client_secret_basic)",
    "client_secret_post": "in the body (client_secret_post)",
    "none": "without a secret (none)",
}


def token_findings(seen: Observations) -> Iterator[Finding]:
    """Empty where the token URL was not observed."""
    if not seen.token:
        return
    first, *others = seen.token
    # Without a secret, an accepted request proves nothing about it.
    with_secret = [reply for reply in others if reply.method != "none" or not seen.has_secret]
    better = next((reply for reply in with_secret if reply.result in ("client_accepted", "redirect_uri")), None)
    if first.result in ("client_refused", "other_error") and better is not None:
        yield _wrong_method(seen, first, better)
        return
    yield endpoint_fault(_ENDPOINT, first) or _by_control(seen, first) or _BY_RESULT[first.result](seen, first)


def _by_control(seen: Observations, reply: TokenReply) -> Finding | None:
    """What the response to a made-up secret shows about the response to the real one."""
    control = seen.control
    if control is None or reply.result not in ("client_accepted", "other_error"):
        return None
    is_same = (control.result, control.code, control.status) == (reply.result, reply.code, reply.status)
    if not is_same:
        return _accepted(seen, reply)
    return Finding(
        "client_not_judged", "advice", "The client secret cannot be verified from outside",
        f"{seen.name} responds to a made-up secret as it does to the real one (“{reply.code}”).",
        "Connect once: the trace then shows whether the secret is accepted.", "client_secret",
    )  # fmt: skip


def _wrong_method(seen: Observations, first: TokenReply, better: TokenReply) -> Finding:
    return Finding(
        "wrong_client_authentication", "fault", "The client authentication method is wrong",
        f"{seen.name} rejects the client ID and secret {_METHODS[first.method]}, and accepts them "
        f"{_METHODS[better.method]}.",
        f"Choose {better.method} as client authentication and save.", "token_endpoint_auth_method",
    )  # fmt: skip


def _refused(seen: Observations, reply: TokenReply) -> Finding:
    if seen.authentication.type == "oauth2_client_credentials":
        return Finding(
            "token_answers", "ok", "The token URL works",
            "It rejects a made-up client, as expected.",
        )  # fmt: skip
    refused = [one for one in seen.token if one.result == "client_refused"]
    tried = "for every method of client authentication" if len(refused) > 1 else "for the configured method"
    label = "client ID or secret" if seen.has_secret else "client ID"
    return Finding(
        "client_refused", "fault", f"The {label} is wrong",
        f"The token URL responds with “{reply.code}” {tried}.",
        f"Copy the {label} again from {seen.name}, and check whether the secret has expired or was replaced there.",
        "client_secret" if seen.has_secret else "client_id",
    )  # fmt: skip


def _accepted(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "client_accepted", "ok", "The client is accepted",
        f"{seen.name} accepts the client {_METHODS[reply.method]}, and rejects only the made-up code.",
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
    return Finding(
        "token_answers_otherwise", "advice", "The client cannot be verified",
        f"The token URL responds with “{reply.code}” to a made-up code.",
        "Connect once: the trace then shows more.", "token_url",
    )  # fmt: skip


def _nonsense(seen: Observations, reply: TokenReply) -> Finding:
    return Finding(
        "accepts_nonsense", "advice", "The token URL accepts a made-up code",
        "The client cannot be verified.", "Check whether this is the correct URL.", "token_url",
    )  # fmt: skip


_BY_RESULT = {
    "client_accepted": _accepted,
    "client_refused": _refused,
    "client_unauthorized": _unauthorized,
    "redirect_uri": _redirect_uri,
    "other_error": _other,
    "accepted_nonsense": _nonsense,
}
