"""The only input and output of this package: calls to token, revocation, account and metadata endpoints.

requests-oauthlib builds and carries the token requests; `token.py` reads the answers. Every call takes a `deadline`
in seconds for all that it does, and raises nothing but OAuthError.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import requests
from oauthlib.oauth2 import BackendApplicationClient, Client, WebApplicationClient
from requests_oauthlib import OAuth2Session

from apps import egress
from apps.oauth.discovery import ServerMetadata, check_issuer, metadata_urls, parse_metadata
from apps.oauth.errors import (
    DiscoveryFailed,
    EndpointRefused,
    MalformedResponse,
    TokenError,
    TransportFailure,
    token_error,
)
from apps.oauth.provider import (
    AccountEndpoint,
    Check,
    ClientCredentials,
    LongLivedExchange,
    ProviderConfig,
    access_headers,
    access_query,
    all_filled_in,
    passes,
    pick,
)
from apps.oauth.registration import RegisteredClient, parse_registration
from apps.oauth.revocation import RevocationRequest, check_revocation, revocation_requests
from apps.oauth.token import (
    TokenResponse,
    json_object,
    json_value,
    parse_token_response,
    raise_for_fault,
    text_at,
)

_BODY = {"form": "data", "json": "json"}
_MAX_ANSWER = 256_000  # bytes; token answers have a few kilobytes

# It writes codes, secrets and tokens at DEBUG, before any hook of ours runs and whatever the settings say.
logging.getLogger("requests_oauthlib.oauth2_session").addFilter(lambda record: False)

# The library looks at the scheme of the URL it is given, and its exception for http is one for the whole process.
# Egress is the judge of that here, so the library sees this URL and `_TokenSession.request` goes to the real one.
_SEEN_BY_LIBRARY = "https://token-endpoint.invalid/"


def exchange_code(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    code: str,
    redirect_uri: str,
    code_verifier: str | None,
    scopes: Sequence[str] | None = None,
    deadline: float = 20.0,
) -> TokenResponse:
    """Redeems an authorization code (RFC 6749 4.1.3, RFC 7636 4.5), then a short-lived token for a long-lived one.

    `scopes` are sent only where the provider wants them named again.
    """
    end = time.monotonic() + deadline
    client = WebApplicationClient(credentials.client_id)
    client.grant_type = provider.grant_type
    extra = {**provider.token_params, **_scope_parameter(provider, scopes if provider.token_request_scope else None)}
    with _TokenSession(provider, credentials, client, provider.token_url, deadline) as session:
        session.redirect_uri = redirect_uri
        response = session.fetch(extra, code=code, code_verifier=code_verifier)
    if provider.long_lived is None:
        return response
    return _long_lived(provider, credentials, provider.long_lived, response, deadline=end - time.monotonic())


def client_credentials(
    provider: ProviderConfig, credentials: ClientCredentials, *, scopes: Sequence[str], deadline: float = 20.0
) -> TokenResponse:
    """Obtains a token for the OAuth app itself (RFC 6749 4.4)."""
    client = BackendApplicationClient(credentials.client_id)
    client.grant_type = provider.client_grant_type
    with _TokenSession(provider, credentials, client, provider.token_url, deadline) as session:
        return session.fetch({**provider.token_params, **_scope_parameter(provider, scopes)})


def refresh(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    refresh_token: str,
    scopes: Sequence[str] | None = None,
    redirect_uri: str = "",
    deadline: float = 20.0,
) -> TokenResponse:
    """Uses a refresh token (RFC 6749 6), or renews a long-lived token.

    `scopes` only where the provider wants them named again; `redirect_uri` is sent only where it wants that.
    """
    if provider.long_lived:
        return _renewed(provider, provider.long_lived, refresh_token, deadline=deadline)
    client = WebApplicationClient(credentials.client_id)
    endpoint = provider.refresh_url or provider.token_url
    extra = {**provider.refresh_params, **_scope_parameter(provider, scopes)}
    if provider.refresh_repeats_redirect_uri and redirect_uri:
        extra["redirect_uri"] = redirect_uri
    if provider.refresh_auth_method:
        provider = replace(provider, token_endpoint_auth_method=provider.refresh_auth_method)
    with _TokenSession(provider, credentials, client, endpoint, deadline) as session:
        return session.renew(extra, refresh_token)


def _long_lived(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    exchange: LongLivedExchange,
    short: TokenResponse,
    *,
    deadline: float,
) -> TokenResponse:
    """The long-lived token for the short-lived one; what only the first answer said is kept."""
    query = {
        "grant_type": exchange.grant_type,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret or "",
        exchange.token_parameter: short.access_token,
    }
    long = _asked_by_get(provider, exchange.url, query, deadline=deadline)
    return replace(
        long,
        refresh_token=long.access_token if exchange.renewal_grant_type else None,
        scopes=short.scopes if long.scopes is None else long.scopes,
        kept={**short.kept, **long.kept},
        subject=long.subject or short.subject,
        label=long.label or short.label,
    )


def _renewed(provider: ProviderConfig, exchange: LongLivedExchange, token: str, *, deadline: float) -> TokenResponse:
    if exchange.renewal_grant_type is None:
        raise token_error("invalid_grant")
    query = {"grant_type": exchange.renewal_grant_type, exchange.token_parameter: token}
    renewed = _asked_by_get(provider, provider.refresh_url or exchange.url, query, deadline=deadline)
    return replace(renewed, refresh_token=renewed.access_token)


def _asked_by_get(provider: ProviderConfig, url: str, query: Mapping[str, str], *, deadline: float) -> TokenResponse:
    """A token answer to a GET: the only form that these providers document, secrets in the query included."""
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.get(url, params=query, headers={"Accept": "application/json"})
    return parse_token_response(
        status=answer.status_code, headers=answer.headers, body=answer.content, provider=provider
    )


def _scope_parameter(provider: ProviderConfig, scopes: Sequence[str] | None) -> dict[str, str]:
    names = [provider.scope_values.get(scope, scope) for scope in scopes or ()]
    return {provider.scope_parameter: provider.scope_separator.join(names)} if names else {}


class _TokenSession(OAuth2Session, egress.Session):
    """An OAuth2Session for one request to a token endpoint, through egress and with our reading of the answer.

    Extra parameters go into `body`, never into keyword arguments: there, one called "verify" would be an option of
    the library. In the body, the protocol's own parameters win.
    """

    def __init__(
        self, provider: ProviderConfig, credentials: ClientCredentials, client: Client, endpoint: str, deadline: float
    ) -> None:
        super().__init__(client=client, deadline=deadline, max_bytes=_MAX_ANSWER)
        self._provider, self._credentials, self._endpoint = provider, credentials, endpoint
        self._answer: TokenResponse | None = None
        self.register_compliance_hook("access_token_response", self._read)
        self.register_compliance_hook("refresh_token_response", self._read)

    def fetch(
        self, extra: Mapping[str, str], *, code: str | None = None, code_verifier: str | None = None
    ) -> TokenResponse:
        self.fetch_token(
            _SEEN_BY_LIBRARY,
            code=code,
            code_verifier=code_verifier,
            body=self._body(extra),
            auth=self._authenticate,
        )
        return self._result()

    def renew(self, extra: Mapping[str, str], refresh_token: str) -> TokenResponse:
        self.refresh_token(_SEEN_BY_LIBRARY, refresh_token, body=self._body(extra), auth=self._authenticate)
        return self._result()

    def request(  # type: ignore[override]  # only the library calls it, with these
        self, method: Any, url: Any, data: Any = None, **_: Any
    ) -> requests.Response:
        """Sends the library's parameters, by the provider's names; all else that it chose (URL, headers,
        authentication) is replaced."""
        provider = self._provider
        headers = {"Accept": "application/json", **all_filled_in(provider.token_request_headers, self._credentials)}
        place = "params" if provider.token_request_method == "GET" else _BODY[provider.token_request_encoding]
        payload: dict[str, Any] = {place: self._renamed(dict(data))}
        with transport_errors():
            return egress.Session.request(
                self,
                provider.token_request_method,
                self._endpoint,
                headers=headers,
                auth=self._authenticate,
                **payload,
            )

    def _renamed(self, fields: dict[str, str]) -> dict[str, str]:
        names = {**self._provider.parameter_names, **self._provider.token_parameter_names}
        return {names.get(name, name): value for name, value in fields.items()}

    def _body(self, extra: Mapping[str, str]) -> str:
        fields = dict(extra)
        if self._provider.token_endpoint_auth_method != "client_secret_basic":
            fields["client_id"] = self._credentials.client_id
        if self._provider.token_endpoint_auth_method == "client_secret_post":
            fields["client_secret"] = self._credentials.client_secret or ""
        return urlencode(fields)

    def _authenticate(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._provider.token_endpoint_auth_method == "client_secret_basic":
            request.headers["Authorization"] = self._credentials.basic()
        return request

    def _read(self, answer: requests.Response) -> requests.Response:
        """Keeps our reading, and gives the library an answer without surprises to go on with."""
        self._answer = parse_token_response(
            status=answer.status_code, headers=answer.headers, body=answer.content, provider=self._provider
        )
        harmless = requests.Response()
        harmless.encoding = "utf-8"  # else it is guessed from the text
        harmless._content = b'{"access_token": "read already", "token_type": "Bearer"}'
        return harmless

    def _result(self) -> TokenResponse:
        if self._answer is None:
            raise MalformedResponse("the answer was not read")
        return self._answer


@contextmanager
def transport_errors() -> Iterator[None]:
    """Egress's errors in this package's words."""
    try:
        yield
    except egress.DestinationBlocked as error:
        raise EndpointRefused(str(error)) from None
    except egress.NotSent as error:
        raise TransportFailure(str(error), sent=False) from None
    except egress.NoAnswer as error:
        raise TransportFailure(str(error), sent=True) from None
    except egress.AnswerTooLarge as error:
        raise MalformedResponse(str(error)) from None


def revoke(
    provider: ProviderConfig,
    credentials: ClientCredentials,
    *,
    access_token: str | None,
    refresh_token: str | None,
    deadline: float = 10.0,
) -> None:
    """Ends the grant at the provider (RFC 7009). Returns only if the provider confirmed it.

    Raises RevocationUnsupported where there is no call for what we hold, else whatever went wrong.
    """
    first, *others = revocation_requests(provider, credentials, access_token=access_token, refresh_token=refresh_token)
    end = time.monotonic() + deadline
    _revoke_one(first, deadline)
    for request in others:
        try:
            _revoke_one(request, end - time.monotonic())
        except TokenError:
            continue  # most often it is unknown by now, because it died with the first


def _revoke_one(request: RevocationRequest, deadline: float) -> None:
    payload: dict[str, Any] = {request.encoding: dict(request.fields)} if request.fields else {}
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.request(request.method, request.url, headers=request.headers, **payload)
    check_revocation(request.endpoint, status=answer.status_code, headers=answer.headers, body=answer.content)


@dataclass(frozen=True)
class Account:
    """Whose account a token opens: a stable `subject` and a `label` for people; either may be empty."""

    subject: str
    label: str


def fetch_account(
    provider: ProviderConfig,
    *,
    access_token: str,
    credentials: ClientCredentials | None = None,
    deadline: float = 10.0,
) -> Account:
    """Asks the provider whose account the token opens; without a stable subject the label stands in for it.

    `credentials` fill the placeholders that name the OAuth app. Raises TokenError "invalid_token" on 401 and
    "insufficient_scope" on 403 (RFC 6750 3.1). A provider without an account endpoint gives an empty Account.
    """
    account = provider.account
    if account is None:
        return Account(subject="", label="")
    filled = partial(all_filled_in, credentials=credentials, access_token=access_token)
    headers = access_headers(provider, access_token=access_token, credentials=credentials)
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.request(
            account.method,
            account.url,
            params=access_query(provider, access_token=access_token, credentials=credentials),
            headers={"Accept": "application/json", **headers, **filled(account.headers)},
            data=filled(account.form) or account.body,
        )
    document = _document(answer, account.success_check)
    label = text_at(document, account.label_path)
    return Account(subject=text_at(document, account.subject_path) or _subject_by_label(account, label), label=label)


def _subject_by_label(account: AccountEndpoint, label: str) -> str:
    """An e-mail address tells accounts apart, a mere name does not: then the subject's path is empty, not absent."""
    return label if account.subject_path is None else ""


def fetch_placement(
    provider: ProviderConfig,
    *,
    access_token: str,
    credentials: ClientCredentials | None = None,
    deadline: float = 10.0,
) -> dict[str, str]:
    """Asks where the account lives (its site, tenant or data center): the first of its choices, by placeholder name.

    Empty for a provider without such a call. Raises MalformedResponse where there is no choice, else as
    `fetch_account`.
    """
    placement = provider.placement
    if placement is None:
        return {}
    headers = access_headers(provider, access_token=access_token, credentials=credentials)
    own = all_filled_in(placement.headers, credentials, access_token=access_token)
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.get(placement.url, headers={"Accept": "application/json", **headers, **own})
    document = _document(answer, None)
    if placement.list_path is not None:
        choices = pick(document, placement.list_path) if placement.list_path else document
        fitting = (item for item in choices if passes(placement.where, item)) if isinstance(choices, list) else ()
        document = next(iter(fitting), None)
    values = {name: text_at(document, path) for name, path in placement.values.items()}
    if not all(values.values()):
        raise MalformedResponse("no site, tenant or data center in the answer")
    return values


def _document(answer: requests.Response, check: Check | None) -> Any:
    raise_for_fault(answer.status_code, answer.headers)
    if answer.status_code in (401, 403):
        raise token_error("invalid_token" if answer.status_code == 401 else "insufficient_scope")
    if answer.status_code != 200:
        raise MalformedResponse(f"status {answer.status_code} from the account endpoint")
    document = json_value(answer.content)
    if not passes(check, document):
        raise token_error("invalid_token")
    return document


def discover(issuer: str, *, deadline: float = 10.0) -> ServerMetadata:
    """Fetches an issuer's metadata from the first well-known place that has some (RFC 8414 3, OpenID Discovery 4).

    Raises DiscoveryFailed if there is none, or it is another issuer's; else what goes wrong on the way.
    """
    check_issuer(issuer)
    end = time.monotonic() + deadline
    for url in metadata_urls(issuer):
        with transport_errors(), egress.session(deadline=end - time.monotonic()) as session:
            answer = session.get(url, headers={"Accept": "application/json"})
        if answer.status_code != 200:
            continue
        try:
            document = json_object(answer.content)
        except MalformedResponse:
            continue  # a page for people, most likely: sites answer unknown paths with one
        return parse_metadata(document, issuer=issuer)
    raise DiscoveryFailed("The issuer publishes no metadata.")


def register(endpoint: str, asked: Mapping[str, Any], *, deadline: float = 10.0) -> RegisteredClient:
    """Registers a client (RFC 7591 3.1); `asked` comes from `registration_request`. Raises as `parse_registration`."""
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.post(endpoint, json=dict(asked), headers={"Accept": "application/json"})
    return parse_registration(status=answer.status_code, headers=answer.headers, body=answer.content, asked=asked)
