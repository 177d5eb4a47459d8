/** What the API returns and takes, as in its OpenAPI document. Times are RFC 3339 texts, IDs are UUIDs as texts. */

export type Level = "use" | "view" | "manage";

export type Status = "active" | "unverified" | "needs_attention";

export type SessionStatus = "pending" | "connected" | "connected_personal" | "declined" | "failed" | "expired" | "canceled";

/** The account at the service. */
export interface Account {
  label: string;
  subject: string;
}

/** The member who owns a connection. */
export interface Owner {
  id: string;
  name: string;
}

/** Granted, requested and missing scopes. */
export interface Scopes {
  granted: string[];
  requested: string[];
  missing: string[];
}

/** The last failed refresh or refused call. */
export interface LastError {
  code: string;
  detail: string;
  at: string;
}

/** A connection, from the caller's perspective. */
export interface Connection {
  id: string;
  integration: string;
  name: string;
  account: Account;
  site: string;
  kind: string;
  owner: Owner;
  sharing: string;
  permission: Level;
  status: Status;
  status_reason: string;
  status_detail: string;
  usable_until: string | null;
  failing_since: string | null;
  last_error: LastError | null;
  last_verified_at: string | null;
  scopes: Scopes;
  external_id: string;
  tags: string[];
  metadata: Record<string, unknown>;
  expires_at?: string | null;
  last_used_at: string | null;
  next_refresh_at?: string | null;
  created_at: string;
}

/** A fresh access token. `ttl`: seconds until it expires; null, as `expires_at`, if that is not known. */
export interface Token {
  access_token: string;
  token_type: string;
  expires_at: string | null;
  ttl: number | null;
  min_ttl_met: boolean;
  scopes: string[];
  missing_scopes: string[];
  connection: string;
}

/** What an API key adds to each request. */
export interface KeyMaterial {
  kind: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  path_prefix: string;
  connection: string;
}

/** Why one of several failed. */
export interface ItemError {
  status: number;
  code: string;
  detail: string;
  reconnect_url?: string;
}

/** One connection: `token`, or `error`. */
export interface TokenItem {
  connection: string;
  token: Record<string, unknown> | null;
  error: ItemError | null;
}

/** What a check showed. */
export interface CheckResult {
  outcome: "works" | "rejected" | "inconclusive" | "nothing_to_call";
  detail: string;
  http_status: number | null;
  account: string;
  connection: Connection;
}

/** One connection: `check`, or `error`. */
export interface CheckItem {
  connection: string;
  check: CheckResult | null;
  error: ItemError | null;
}

/** Whether a connection will do, and what a person can do about it otherwise. */
export interface PreflightItem {
  connection: string;
  usable: boolean;
  usable_until: string | null;
  code: string;
  detail: string;
  missing_scopes: string[];
  action: "reconnect" | "share" | "";
  reconnect_url: string;
}

/** In the order of the request; `usable` if all are. */
export interface Preflight {
  usable: boolean;
  results: PreflightItem[];
}

/** The sharing that a session requests; `accepted` is null until the member has answered. */
export interface SharingAnswer {
  level: Level;
  members: string[];
  accepted: boolean | null;
}

/** The state of a connect session. `code` says why it ended without a connection. */
export interface ConnectSession {
  id: string;
  status: SessionStatus;
  code: string;
  detail: string;
  integration: string;
  connection: string | null;
  member: string;
  scopes: string[];
  external_id: string;
  tags: string[];
  metadata: Record<string, unknown>;
  sharing: SharingAnswer | null;
  created_at: string;
  expires_at: string;
  ended_at: string | null;
  mailed: boolean;
}

/** A new session with its link, which only this response contains. */
export interface ConnectLink extends ConnectSession {
  url: string;
}

/** The result of a disconnect at the service. */
export interface Disconnected {
  revocation: string;
  detail: string;
  manage_url: string;
}

/** The calls of one day (UTC). `failures` failed at the service; `refused` are not among the calls. */
export interface Day {
  day: string;
  calls: number;
  failures: number;
  refused: number;
}

/** `quota` requests in `window` seconds. */
export interface Limit {
  name: string;
  quota: number;
  window: number;
}

/** The calls through all connections that the caller can see, with their sums, and the caller's limits. */
export interface TeamUsage {
  since: string;
  until: string;
  connections: number;
  calls: number;
  failures: number;
  refused: number;
  days: Day[];
  limits: Limit[];
}

/** A token for pages of one origin, which they send like an API key. */
export interface BrowserToken {
  token: string;
  origin: string;
  scopes: string[];
  expires_at: string;
}

/** A member of the team. */
export interface Member {
  id: string;
  name: string;
  email: string;
  role: "owner" | "admin" | "member";
  joined_at: string;
}

/** A webhook message: `type` such as `connection.created`, and `data` that depends on it. */
export interface WebhookEvent {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** Filters of a list of connections. `id`: up to 50; `tags`: those with all of them. */
export interface ConnectionFilters {
  id?: string[];
  integration?: string;
  status?: Status;
  kind?: string;
  owner?: string;
  sharing?: "personal" | "shared";
  scopes?: string[];
  search?: string;
  name?: string;
  account?: string;
  external_id?: string;
  tags?: string[];
  ordering?: "-created_at" | "created_at" | "name" | "-name";
  page_size?: number;
}

/** Sharing with everyone in the team, service keys included, or with `members` (IDs or e-mail addresses). */
export interface SessionSharing {
  level?: Level;
  members?: string[];
}

/** A member (ID or e-mail address) and what they should connect, or the connection they should reconnect. */
export interface NewConnectSession {
  integration?: string;
  connection?: string;
  member?: string;
  scopes?: string[];
  sharing?: SessionSharing;
  return_url?: string;
  login_hint?: string;
  external_id?: string;
  tags?: string[];
  metadata?: Record<string, unknown>;
  notify?: boolean;
}

/** `origin`: one of the installation's BROWSER_ORIGINS; `expires_in`: 60 to 3600 seconds. */
export interface NewBrowserToken {
  origin: string;
  scopes: ("connections:read" | "connections:use")[];
  expires_in?: number;
}

/** `min_ttl`: seconds for which the token must remain valid; `strict`: refuse one that does not. */
export interface TokenNeed {
  min_ttl?: number;
  strict?: boolean;
  scopes?: string[];
}

/** A connection that a workflow needs, with the scopes and for how long (seconds from now). */
export interface PreflightNeed {
  connection: string;
  scopes?: string[];
  duration?: number;
}
