"""The observations of *Check configuration*: plain data, without secrets and without text from the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apps.integrations.custom_apis.schema import Authentication
from apps.oauth.discovery import ServerMetadata

TokenResult = Literal[
    "client_accepted",  # invalid_grant: the code was evaluated, so the client was authenticated
    "client_refused",
    "client_unauthorized",
    "redirect_uri",
    "other_error",
    "no_oauth",  # an HTML page, a redirect, or not found
    "fault",  # 5xx or 429
    "unreachable",
    "silent",  # sent, no response
    "refused_by_us",
    "accepted_nonsense",
]


@dataclass(frozen=True)
class PageSeen:
    """The response to a GET request. `status` None: there was none, for the reason `failure`.

    `leads_back`: it redirects to our callback, with the OAuth error `error` if any.
    """

    status: int | None = None
    content_type: str = ""
    failure: str = ""
    leads_back: bool = False
    error: str = ""
    about_redirect_uri: bool = False

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type


@dataclass(frozen=True)
class TokenReply:
    """The response to a made-up code or token, sent with one method of client authentication."""

    method: str
    result: TokenResult
    code: str = ""
    status: int | None = None
    content_type: str = ""
    failure: str = ""

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type


@dataclass(frozen=True)
class Observations:
    """The input of the findings. What was not observed is None or empty."""

    name: str
    authentication: Authentication
    redirect_uri: str
    has_client: bool
    has_secret: bool
    missing: Sequence[str] = ()
    base: PageSeen | None = None
    authorization: PageSeen | None = None
    # The same page requested with other scope separators, where it rejected the scopes: response by separator.
    separators: Mapping[str, PageSeen] = field(default_factory=dict)
    # The configured client authentication first; the others only where that was rejected.
    token: Sequence[TokenReply] = ()
    # The configured request with a made-up secret: the same response means that the secret was not checked.
    control: TokenReply | None = None
    # The responses of the other endpoints, where they are entered, to made-up tokens.
    refresh: TokenReply | None = None
    revocation: TokenReply | None = None
    metadata: ServerMetadata | None = None
