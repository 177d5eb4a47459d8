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
    "bare_refusal",  # a 400, 401 or 403 without an error code
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
    # The responses to the same request with a made-up secret, and with a made-up client.
    made_up_secret: "TokenReply | None" = None
    made_up_client: "TokenReply | None" = None

    @property
    def is_html(self) -> bool:
        return "html" in self.content_type

    @property
    def proves_client(self) -> bool:
        """Whether a made-up client is answered otherwise, so that this response says something about the real one."""
        return self.made_up_client is not None and not self.equals(self.made_up_client)

    @property
    def proves_secret(self) -> bool:
        """Whether a made-up secret is answered otherwise."""
        return self.made_up_secret is not None and not self.equals(self.made_up_secret)

    def equals(self, other: "TokenReply") -> bool:
        """Whether both say the same."""
        return (self.result, self.code, self.status) == (other.result, other.code, other.status)


@dataclass(frozen=True)
class FirstRefreshSeen:
    """What the last connection showed: the outcome of its first refresh, and how long its token lives (seconds)."""

    outcome: str
    code: str = ""
    lifetime: int | None = None


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
    # The responses of the other endpoints, where they are entered, to made-up tokens.
    refresh: TokenReply | None = None
    revocation: TokenReply | None = None
    metadata: ServerMetadata | None = None
    # Since the settings were last saved; None where no connection was made.
    first_refresh: FirstRefreshSeen | None = None
