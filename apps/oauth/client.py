"""The only input and output of this package: calls to token, revocation, account and metadata endpoints.

requests-oauthlib builds and carries the token requests; `token.py` reads the answers. Every call takes a `deadline`
in seconds for all that it does, and raises nothing but OAuthError.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from apps.oauth.provider import AccountEndpoint, ClientCredentials, ProviderConfig, access_headers, passes, pick
from apps.oauth.revocation import RevocationRequest, check_revocation, revocation_requests
from apps.oauth.token import TokenResponse, json_object, json_value, parse_token_response, raise_for_fault

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
    deadline: float = 20.0,
) -> TokenResponse:
    """Redeems an authorization code (RFC 6749 4.1.3, RFC 7636 4.5)."""
    client = WebApplicationClient(credentials.client_id)
    with _TokenSession(provider, credentials, client, provider.token_url, deadline) as session:
        session.redirect_uri = redirect_uri
        return session.fetch(provider.token_params, code=code, code_verifier=code_verifier)


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
    deadline: float = 20.0,
) -> TokenResponse:
    """Uses a refresh token (RFC 6749 6). `scopes` only where the provider wants them named again."""
    client = WebApplicationClient(credentials.client_id)
    endpoint = provider.refresh_url or provider.token_url
    with _TokenSession(provider, credentials, client, endpoint, deadline) as session:
        return session.renew({**provider.refresh_params, **_scope_parameter(provider, scopes)}, refresh_token)


def _scope_parameter(provider: ProviderConfig, scopes: Sequence[str] | None) -> dict[str, str]:
    return {provider.scope_parameter: provider.scope_separator.join(scopes)} if scopes else {}


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
        """Sends the library's parameters; all else that it chose (URL, headers, authentication) is replaced."""
        with transport_errors():
            return egress.Session.request(
                self,
                "POST",
                self._endpoint,
                headers={"Accept": "application/json", **self._provider.token_request_headers},
                auth=self._authenticate,
                **{"json" if self._provider.token_request_encoding == "json" else "data": data},
            )

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
    payload: dict[str, Any] = {request.encoding: request.fields} if request.fields else {}
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.request(request.method, request.url, headers=request.headers, **payload)
    check_revocation(request.endpoint, status=answer.status_code, headers=answer.headers, body=answer.content)


@dataclass(frozen=True)
class Account:
    """Whose account a token opens: a stable `subject` and a `label` for people; either may be empty."""

    subject: str
    label: str


def fetch_account(
    provider: ProviderConfig, *, access_token: str, client_id: str = "", deadline: float = 10.0
) -> Account:
    """Asks the provider whose account the token opens; without a stable subject the label stands in for it.

    `client_id` fills that placeholder of the account's headers. Raises TokenError "invalid_token" on 401 and
    "insufficient_scope" on 403 (RFC 6750 3.1). A provider without an account endpoint gives an empty Account.
    """
    account = provider.account
    if account is None:
        return Account(subject="", label="")
    headers = {"Accept": "application/json", **access_headers(provider, access_token=access_token)}
    for name, value in account.headers.items():
        headers[name] = value.replace("{access_token}", access_token).replace("{client_id}", client_id)
    with transport_errors(), egress.session(deadline=deadline, max_bytes=_MAX_ANSWER) as session:
        answer = session.request(account.method, account.url, headers=headers, data=account.body)
    document = _account_document(account, answer)
    label = text_at(document, account.label_path)
    return Account(subject=text_at(document, account.subject_path) or label, label=label)


def _account_document(account: AccountEndpoint, answer: requests.Response) -> Any:
    raise_for_fault(answer.status_code, answer.headers)
    if answer.status_code in (401, 403):
        raise token_error("invalid_token" if answer.status_code == 401 else "insufficient_scope")
    if answer.status_code != 200:
        raise MalformedResponse(f"status {answer.status_code} from the account endpoint")
    document = json_value(answer.content)
    if not passes(account.success_check, document):
        raise token_error("invalid_token")
    return document


def text_at(document: Any, path: str | None) -> str:
    """A label or subject at a path of an answer: text or a number; anything else is as good as none."""
    value = pick(document, path) if path else None
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(character for character in text if character.isprintable()).strip()[:200]


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
