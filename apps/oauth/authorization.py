"""The trip to the consent page and back (RFC 6749 4.1.1 and 4.1.2, RFC 7636 4.3, RFC 9207)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from apps import egress
from apps.oauth.errors import (
    AuthorizationDenied,
    EndpointRefused,
    InvalidCallback,
    IssuerMismatch,
    ReservedParameter,
)
from apps.oauth.provider import ClientCredentials, ProviderConfig

RESERVED_PARAMETERS = frozenset(
    {"client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "state"}
)

_MAX_QUERY = 16_384
_MAX_LENGTH = {"state": 512, "error": 256, "iss": 2_048, "code": 8_192, "error_uri": 2_048}
_ONCE = ("state", "code", "error", "iss")


def check_endpoint(url: str) -> None:
    """Refuses a URL that cannot be an authorization or token endpoint (RFC 6749 3.1, 3.2).

    Raises EndpointRefused (scheme, user name, port, private address, fragment) or ReservedParameter (its query).
    """
    try:
        egress.check_url(url)
    except egress.DestinationBlocked as error:
        raise EndpointRefused(str(error)) from None
    if "#" in url:
        raise EndpointRefused("The URL has a fragment (#), which is not allowed.")
    _refuse_reserved(name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))


def authorization_url(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    code_challenge: str | None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """The URL that a browser opens to ask for consent. `extra` wins over the provider's own parameters.

    Raises ReservedParameter if `extra` or the provider's data carries what belongs to the protocol, and
    EndpointRefused if the authorization URL is not one to send a person to.
    """
    check_endpoint(provider.authorization_url)
    parts = urlsplit(provider.authorization_url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(provider.authorization_params)
    parameters |= dict(extra or {})
    _refuse_reserved(parameters, RESERVED_PARAMETERS | {provider.scope_parameter})
    parameters |= {
        "response_type": "code",
        "client_id": credentials.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if scopes:
        parameters[provider.scope_parameter] = provider.scope_separator.join(scopes)
    if code_challenge is not None:
        parameters |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
    return urlunsplit(parts._replace(query=urlencode(parameters)))


def _refuse_reserved(names: Iterable[str], reserved: frozenset[str] = RESERVED_PARAMETERS) -> None:
    taken = sorted(reserved.intersection(names))
    if taken:
        raise ReservedParameter(f"These parameters are set by the protocol itself: {', '.join(taken)}.")


@dataclass(frozen=True)
class CallbackParameters:
    """What the browser brought back. Everything but `state` is to be believed only after the state is verified."""

    state: str
    code: str | None = field(default=None, repr=False)
    error: str | None = None
    error_description: str = ""
    error_uri: str = ""
    iss: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_callback(query_string: str) -> CallbackParameters:
    """Reads the callback's query string (without "?").

    Raises InvalidCallback where it is too long, is not UTF-8, holds control characters, repeats a parameter of the
    protocol, lacks `state`, or has neither `code` nor `error`. An empty parameter counts as absent (RFC 6749 3.1).
    """
    if len(query_string) > _MAX_QUERY:
        raise InvalidCallback("too long")
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidCallback("not a readable query string") from None
    counts = Counter(name for name, _ in pairs)
    for name in _ONCE:
        if counts[name] > 1:
            raise InvalidCallback(f"{name} is repeated")
    values = dict(pairs)
    description = _readable(values.pop("error_description", ""))
    for name, limit in _MAX_LENGTH.items():
        _check_text(name, values.get(name, ""), limit)
    known = {name: values.pop(name, "") for name in _MAX_LENGTH}
    if not known["state"]:
        raise InvalidCallback("state is missing")
    if not known["code"] and not known["error"]:
        raise InvalidCallback("neither code nor error")
    return CallbackParameters(
        state=known["state"],
        code=known["code"] or None,
        error=known["error"] or None,
        error_description=description,
        error_uri=known["error_uri"],
        iss=known["iss"] or None,
        extra={name: _readable(value) for name, value in values.items()},
    )


def _check_text(name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise InvalidCallback(f"{name} is too long")
    if not value.isprintable():
        raise InvalidCallback(f"{name} holds control characters")


def _readable(text: str) -> str:
    """Microsoft puts line breaks into its descriptions, so these are cleaned where other parameters are refused."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:1_000]


def verify_issuer(parameters: CallbackParameters, provider: ProviderConfig) -> None:
    """Raises IssuerMismatch unless `iss` is the provider's issuer, character by character (RFC 9207 2.4).

    An absent `iss` passes where the provider does not promise it, and so does one of a provider whose issuer we do
    not know, because there is nothing to compare it with.
    """
    if parameters.iss is None and provider.iss_required:
        raise IssuerMismatch("The answer does not name its issuer, although the provider promises to.")
    comparable = provider.issuer is not None or provider.iss_required
    if parameters.iss is not None and comparable and parameters.iss != provider.issuer:
        raise IssuerMismatch("The answer comes from another issuer than the one that was asked.")


def code_of(parameters: CallbackParameters) -> str:
    """The authorization code. Raises AuthorizationDenied if there is an error, even where a code came too."""
    if parameters.error is not None or parameters.code is None:
        raise AuthorizationDenied(parameters.error or "unrecognised", parameters.error_description)
    return parameters.code
