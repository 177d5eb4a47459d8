"""What the API returns and takes, as in its OpenAPI document. Times are RFC 3339 texts, IDs are UUIDs as texts."""

from typing import Any, Literal, NotRequired, TypedDict

Role = Literal["owner", "admin", "member"]
Level = Literal["use", "view", "manage"]
Status = Literal["active", "unverified", "needs_attention"]
SessionStatus = Literal["pending", "connected", "connected_personal", "declined", "failed", "expired", "canceled"]


class Account(TypedDict):
    """The account at the service."""

    label: str
    subject: str


class Owner(TypedDict):
    """The member who owns a connection."""

    id: str
    name: str


class Scopes(TypedDict):
    """Granted, requested and missing scopes."""

    granted: list[str]
    requested: list[str]
    missing: list[str]


class LastError(TypedDict):
    """The last failed refresh or refused call."""

    code: str
    detail: str
    at: str


class Connection(TypedDict):
    """A connection, from the caller's perspective."""

    id: str
    integration: str
    name: str
    account: Account
    site: str
    kind: str
    owner: Owner
    sharing: str
    permission: Level
    status: Status
    status_reason: str
    status_detail: str
    usable_until: str | None
    failing_since: str | None
    last_error: LastError | None
    last_verified_at: str | None
    scopes: Scopes
    external_id: str
    tags: list[str]
    metadata: dict[str, Any]
    expires_at: NotRequired[str | None]
    last_used_at: str | None
    next_refresh_at: NotRequired[str | None]
    created_at: str


class Token(TypedDict):
    """A fresh access token. `ttl`: seconds until it expires; None, as `expires_at`, if that is not known."""

    access_token: str
    token_type: str
    expires_at: str | None
    ttl: int | None
    min_ttl_met: bool
    scopes: list[str]
    missing_scopes: list[str]
    connection: str


class KeyMaterial(TypedDict):
    """What an API key adds to each request."""

    kind: str
    headers: dict[str, str]
    query: dict[str, str]
    path_prefix: str
    connection: str


class ItemError(TypedDict):
    """Why one of several failed."""

    status: int
    code: str
    detail: str
    reconnect_url: NotRequired[str]


class TokenItem(TypedDict):
    """One connection: `token`, or `error`."""

    connection: str
    token: dict[str, Any] | None
    error: ItemError | None


class CheckResult(TypedDict):
    """What a check showed."""

    outcome: Literal["works", "rejected", "inconclusive", "nothing_to_call"]
    detail: str
    http_status: int | None
    account: str
    connection: Connection


class CheckItem(TypedDict):
    """One connection: `check`, or `error`."""

    connection: str
    check: CheckResult | None
    error: ItemError | None


class PreflightItem(TypedDict):
    """Whether a connection will do, and what a person can do about it otherwise."""

    connection: str
    usable: bool
    usable_until: str | None
    code: str
    detail: str
    missing_scopes: list[str]
    action: Literal["reconnect", "share", ""]
    reconnect_url: str


class Preflight(TypedDict):
    """In the order of the request; `usable` if all are."""

    usable: bool
    results: list[PreflightItem]


class SharingAnswer(TypedDict):
    """The sharing that a session requests; `accepted` is None until the member has answered."""

    level: Level
    members: list[str]
    accepted: bool | None


class ConnectSession(TypedDict):
    """The state of a connect session. `code` says why it ended without a connection."""

    id: str
    status: SessionStatus
    code: str
    detail: str
    integration: str
    connection: str | None
    member: str
    scopes: list[str]
    external_id: str
    tags: list[str]
    metadata: dict[str, Any]
    sharing: SharingAnswer | None
    created_at: str
    expires_at: str
    ended_at: str | None
    mailed: bool


class ConnectLink(ConnectSession):
    """A new session with its link, which only this response contains."""

    url: str


class Disconnected(TypedDict):
    """The result of a disconnect at the service."""

    revocation: str
    detail: str
    manage_url: str


class Day(TypedDict):
    """The calls of one day (UTC). `failures` failed at the service; `refused` are not among the calls."""

    day: str
    calls: int
    failures: int
    refused: int


class Limit(TypedDict):
    """`quota` requests in `window` seconds."""

    name: str
    quota: int
    window: int


class TeamUsage(TypedDict):
    """The calls through all connections that the caller can see, with their sums, and the caller's limits."""

    since: str
    until: str
    connections: int
    calls: int
    failures: int
    refused: int
    days: list[Day]
    limits: list[Limit]


class BrowserToken(TypedDict):
    """A token for pages of one origin, which they send like an API key."""

    token: str
    origin: str
    scopes: list[str]
    expires_at: str


class Member(TypedDict):
    """A member of the team."""

    id: str
    name: str
    email: str
    role: Role
    joined_at: str


class WebhookEvent(TypedDict):
    """A webhook message: `type` such as `connection.created`, and `data` that depends on it."""

    type: str
    timestamp: str
    data: dict[str, Any]


class ConnectionFilters(TypedDict, total=False):
    """Filters of a list of connections. `id`: up to 50; `tags`: those with all of them."""

    id: list[str]
    integration: str
    status: Status
    kind: str
    owner: str
    sharing: Literal["personal", "shared"]
    scopes: list[str]
    search: str
    name: str
    account: str
    external_id: str
    tags: list[str]
    ordering: Literal["-created_at", "created_at", "name", "-name"]
    page_size: int


class SessionSharing(TypedDict, total=False):
    """Sharing with everyone in the team, service keys included, or with `members` (IDs or e-mail addresses)."""

    level: Level
    members: list[str]


class NewConnectSession(TypedDict, total=False):
    """A member (ID or e-mail address) and what they should connect, or the connection they should reconnect."""

    integration: str
    connection: str
    member: str
    scopes: list[str]
    sharing: SessionSharing
    return_url: str
    login_hint: str
    external_id: str
    tags: list[str]
    metadata: dict[str, Any]
    notify: bool


class NewBrowserToken(TypedDict):
    """`origin`: one of the installation's BROWSER_ORIGINS; `expires_in`: 60 to 3600 seconds."""

    origin: str
    scopes: list[str]
    expires_in: NotRequired[int]


class TokenNeed(TypedDict, total=False):
    """`min_ttl`: seconds for which the token must remain valid; `strict`: refuse one that does not."""

    min_ttl: int
    strict: bool
    scopes: list[str]


class PreflightNeed(TypedDict):
    """A connection that a workflow needs, with the scopes and for how long (seconds from now)."""

    connection: str
    scopes: NotRequired[list[str]]
    duration: NotRequired[int]
