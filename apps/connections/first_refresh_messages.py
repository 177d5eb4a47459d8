"""How the first refresh of a connection to a team's own API went, in words. Pure."""

_SENTENCES = {
    "due": "The first refresh of this connection is under way.",
    "worked": "Its access was refreshed once right after connecting, so it renews itself.",
    "no_refresh_token": (
        "{name} gave no refresh token, so this connection ends with its access token. Ask for lasting access on the "
        "API’s Authentication tab (a scope such as offline_access, or the parameter access_type=offline), then "
        "reconnect."
    ),
    "client_refused": (
        "{name} gave a token for the code, but refuses the client when it refreshes{code}. Check the client "
        "authentication on the API’s Authentication tab; reconnecting does not help."
    ),
    "grant_refused": (
        "{name} refused the refresh token that it had just given{code}. Check the refresh URL and the scopes on the "
        "API’s Authentication tab, then reconnect."
    ),
    "request_refused": (
        "{name} refused the first refresh{code}. Check the extra parameters of token requests on the API’s "
        "Authentication tab."
    ),
    "malformed": (
        "{name} answered the first refresh with something that is no token answer. Check the refresh URL on the API’s "
        "Authentication tab."
    ),
}
FAULTS = frozenset(_SENTENCES) - {"due", "worked"}


def first_refresh_sentence(outcome: str, *, name: str, code: str = "") -> str:
    """What to say of it at the integration called `name`; `code` is the service's error."""
    return _SENTENCES[outcome].format(name=name, code=f" (it answered “{code}”)" if code else "")
