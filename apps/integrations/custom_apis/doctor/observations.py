"""What the doctor saw: plain data, without secrets and without the server's own text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apps.integrations.custom_apis.schema import Authentication
from apps.oauth.discovery import ServerMetadata

TokenResult = Literal[
    "client_accepted",  # invalid_grant: the made-up code was read, so the client was let in
    "client_refused",
    "client_unauthorized",
    "redirect_uri",
    "other_error",
    "no_oauth",  # a page, a redirect, or no such address
    "fault",  # 5xx or 429
    "unreachable",
    "silent",  # sent, and no answer
    "refused_by_us",
    "accepted_nonsense",
]


@dataclass(frozen=True)
class PageSeen:
    """What an address answered to a plain request. `status` None: nothing came, and `failure` says why.

    `error` is the OAuth error of a redirect back to us, `leads_back` that there was such a redirect.
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
    """What an endpoint said to a made-up code or token, sent with one way of client authentication."""

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
    """Everything that findings are made of. What could not be looked at is None or empty."""

    name: str
    authentication: Authentication
    redirect_uri: str
    has_client: bool
    has_secret: bool
    missing: Sequence[str] = ()
    base: PageSeen | None = None
    authorization: PageSeen | None = None
    # The same page, asked with the scopes joined otherwise, where it refused them: separator -> what it answered.
    separators: Mapping[str, PageSeen] = field(default_factory=dict)
    # The configured way first; the others only where that one was refused.
    token: Sequence[TokenReply] = ()
    # The other endpoints, where they are entered: what they said to tokens that nobody gave out.
    refresh: TokenReply | None = None
    revocation: TokenReply | None = None
    metadata: ServerMetadata | None = None
