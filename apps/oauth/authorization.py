"""The authorization request and its callback (RFC 6749 4.1.1 and 4.1.2, RFC 7636 4.3, RFC 9207)."""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from apps import egress
from apps.errors import gettext_noop
from apps.oauth.discovery import is_issuer
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
        raise EndpointRefused(gettext_noop("The URL has a fragment (#), which is not allowed."))
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

    Not built by OAuth2Session.authorization_url: that refuses http also for hosts on the operator's allow-list, has no
    other names for its parameters, and drops empty ones.

    Raises ReservedParameter if `extra` or the provider's data carries what belongs to the protocol, and
    EndpointRefused if the authorization URL is not allowed.
    """
    url = provider.authorization_url.replace("{client_id}", quote(credentials.client_id, safe=""))
    check_endpoint(url)
    parts = urlsplit(url)
    of_url = parse_qsl(parts.query, keep_blank_values=True)
    parameters = {**provider.authorization_params, **(extra or {})}
    parameters |= _prompt(provider, scopes, {*parameters, *(name for name, _ in of_url)})
    own = _own_parameters(provider, credentials, redirect_uri, state, scopes, code_challenge)
    reserved = RESERVED_PARAMETERS | own.keys() | {provider.scope_parameter}
    _refuse_reserved([*parameters, *(name for name, _ in of_url)], reserved)
    parameters = {name: value.replace("{random}", secrets.token_urlsafe(16)) for name, value in parameters.items()}
    # A name may be repeated in the URL, such as `resource` (RFC 8707 2).
    pairs = [pair for pair in of_url if pair[0] not in parameters]
    query, fragment = urlencode([*pairs, *parameters.items(), *own.items()]), provider.authorization_fragment
    if fragment.startswith("/"):
        return urlunsplit(parts._replace(query="", fragment=f"{fragment}?{query}"))
    return urlunsplit(parts._replace(query=query, fragment=fragment))


def _prompt(provider: ProviderConfig, scopes: Sequence[str], present: Collection[str]) -> dict[str, str]:
    """`prompt=consent`, without which `offline_access` is ignored (OpenID Connect Core 11), unless data says else."""
    wants = {"openid", "offline_access"} <= set(scopes) and provider.prompt_for_offline
    return {"prompt": "consent"} if wants and "prompt" not in present else {}


def _own_parameters(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    redirect_uri: str,
    state: str,
    scopes: Sequence[str],
    code_challenge: str | None,
) -> dict[str, str]:
    """The parameters of the protocol itself, by the provider's names."""
    own = {
        "response_type": provider.response_type,
        "client_id": credentials.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        **_scope_parameters(provider, scopes),
    }
    if code_challenge is not None:
        own |= {"code_challenge": code_challenge, "code_challenge_method": "S256"}
    return {provider.parameter_names.get(name, name): value for name, value in own.items()}


def _scope_parameters(provider: ProviderConfig, scopes: Sequence[str]) -> dict[str, str]:
    """The parameters that request `scopes`: nearly always one, in the order given."""
    requested: dict[str, list[str]] = {}
    for scope in scopes:
        parameter = provider.scope_parameters.get(scope, provider.scope_parameter)
        requested.setdefault(parameter, []).append(provider.scope_values.get(scope, scope))
    return {parameter: provider.scope_separator.join(values) for parameter, values in requested.items()}


def _refuse_reserved(names: Iterable[str], reserved: frozenset[str] = RESERVED_PARAMETERS) -> None:
    # Also in capitals: some services do not distinguish them.
    lowered = {name.lower() for name in reserved}
    taken = sorted({name for name in names if name.lower() in lowered})
    if taken:
        raise ReservedParameter(
            gettext_noop("These parameters are set by the protocol itself: %(names)s.") % {"names": ", ".join(taken)}
        )


@dataclass(frozen=True)
class CallbackParameters:
    """The parameters of a callback. Everything but `state` may be used only after the state is verified."""

    state: str
    code: str | None = field(default=None, repr=False)
    error: str | None = None
    error_description: str = ""
    error_uri: str = ""
    iss: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)


def parse_callback(query_string: str, *, code_parameters: Iterable[str] = ()) -> CallbackParameters:
    """Reads the callback's query string (without "?").

    `code_parameters` are further names that a code may come under, for `code_of` to take from `extra`: the provider
    is not known before the state is.

    Raises InvalidCallback where it is too long, is not UTF-8, holds control characters, repeats a parameter of the
    protocol, lacks `state`, or has neither `code` nor `error`. An empty parameter counts as absent (RFC 6749 3.1).
    """
    if len(query_string) > _MAX_QUERY:
        raise InvalidCallback(gettext_noop("too long"))
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise InvalidCallback(gettext_noop("not a readable query string")) from None
    counts = Counter(name for name, _ in pairs)
    for name in (*_ONCE, *code_parameters):
        if counts[name] > 1:
            raise InvalidCallback(gettext_noop("%(name)s is repeated") % {"name": name})
    values = dict(pairs)
    other_codes = {name: values.pop(name) for name in code_parameters if values.get(name)}
    for name, code in other_codes.items():
        _check_text(name, code, _MAX_LENGTH["code"])
    description = readable(values.pop("error_description", ""))
    for name, limit in _MAX_LENGTH.items():
        _check_text(name, values.get(name, ""), limit)
    known = {name: values.pop(name, "") for name in _MAX_LENGTH}
    if not known["state"]:
        raise InvalidCallback(gettext_noop("state is missing"))
    if not known["code"] and not known["error"] and not other_codes:
        raise InvalidCallback(gettext_noop("neither code nor error"))
    return CallbackParameters(
        state=known["state"],
        code=known["code"] or None,
        error=known["error"] or None,
        error_description=description,
        error_uri=known["error_uri"],
        iss=known["iss"] or None,
        extra={name: readable(value) for name, value in values.items()} | other_codes,
    )


def _check_text(name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise InvalidCallback(gettext_noop("%(name)s is too long") % {"name": name})
    if not value.isprintable():
        raise InvalidCallback(gettext_noop("%(name)s holds control characters") % {"name": name})


def readable(text: str) -> str:
    """Microsoft puts line breaks into its descriptions, so these are cleaned where other parameters are rejected."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:1_000]


def verify_issuer(parameters: CallbackParameters, provider: ProviderConfig) -> None:
    """Raises IssuerMismatch unless `iss` is the provider's issuer, character by character (RFC 9207 2.4).

    An issuer that is a template, as that of a server for all tenants, has one path segment for each placeholder.

    An absent `iss` passes where the provider does not promise it, and so does one of a provider whose issuer we do
    not know, because there is nothing to compare it with.
    """
    if parameters.iss is None and provider.iss_required:
        raise IssuerMismatch(gettext_noop("The callback does not name its issuer, although the provider promises to."))
    comparable = provider.issuer is not None or provider.iss_required
    if parameters.iss is not None and comparable and not is_issuer(parameters.iss, provider.issuer):
        raise IssuerMismatch(
            gettext_noop("The callback comes from another issuer than the one that the request was sent to.")
        )


def verify_signature(query_string: str, provider: ProviderConfig, credentials: ClientCredentials) -> None:
    """Raises InvalidCallback unless the redirect is signed, where the provider signs it.

    The signature is the HMAC-SHA256 by the client secret, in hexadecimal digits, over all other parameters, sorted
    and joined as `name=value&name=value`.
    """
    name = provider.callback_signature_parameter
    if not name:
        return
    pairs = parse_qsl(query_string, keep_blank_values=True)
    shown = [value for key, value in pairs if key == name]
    message = "&".join(f"{key}={value}" for key, value in sorted(pairs) if key != name)
    secret = credentials.client_secret or ""
    wanted = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    if not secret or len(shown) != 1 or not hmac.compare_digest(shown[0].encode(), wanted.encode()):
        raise InvalidCallback(gettext_noop("the signature is missing or wrong"))


def code_of(parameters: CallbackParameters, provider: ProviderConfig) -> str:
    """The authorization code. Raises AuthorizationDenied if there is an error, even where a code came too."""
    name = provider.callback_code_parameter
    code = parameters.code if name == "code" else parameters.extra.get(name)
    if parameters.error is not None or code is None:
        raise AuthorizationDenied(parameters.error or "unrecognized", parameters.error_description)
    return code
