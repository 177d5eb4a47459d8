/** The API of Specway Connections. */

import { errorOf, NoTokenError, retryAfter, SessionPendingError } from "./errors.js";
import { proxyFetch, type ProxyTarget } from "./proxy.js";
import type {
  BrowserToken,
  CheckItem,
  CheckResult,
  ConnectLink,
  Connection,
  ConnectionFilters,
  ConnectSession,
  Disconnected,
  KeyMaterial,
  Member,
  NewBrowserToken,
  NewConnectSession,
  Preflight,
  PreflightNeed,
  TeamUsage,
  Token,
  TokenItem,
  TokenNeed,
} from "./types.js";

/** Where the API is and how to authenticate there. */
export interface ClientOptions {
  /** The address of the installation, such as https://connections.example.com. */
  url: string;
  apiKey: string;
  /** How often a request may be repeated where the API says so; default 2. */
  retries?: number;
  /** The longest Retry-After that is waited for, in seconds; default 60. */
  maxWait?: number;
  /** The seconds after which a request is aborted; default 60. */
  timeout?: number;
  /** Another implementation; default: the platform's. */
  fetch?: typeof fetch;
}

interface Operation {
  method: string;
  path: string;
  query?: object;
  body?: object;
  /** Not repeated after a lost connection: a second request would have a second effect. */
  once?: boolean;
  idempotencyKey?: string;
}

const SEPARATORS: Readonly<Record<string, string>> = { scopes: " " };
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Methods reject with ApiError, and with the platform's errors if the network fails. */
export class Client {
  readonly url: string;
  readonly #apiKey: string;
  readonly #retries: number;
  readonly #maxWait: number;
  readonly #timeout: number;
  readonly #fetch: typeof fetch;

  /** @throws TypeError for an address that is none, and without a key */
  constructor({ url, apiKey, retries = 2, maxWait = 60, timeout = 60, fetch: send }: ClientOptions) {
    const { protocol, search, hash, username } = new URL(url);
    if (!/^https?:$/.test(protocol) || search || hash || username) {
      throw new TypeError("url must be the address of an installation, such as https://connections.example.com");
    }
    if (!apiKey) throw new TypeError("apiKey is empty");
    this.url = url.replace(/\/+$/, "");
    this.#apiKey = apiKey;
    [this.#retries, this.#maxWait, this.#timeout] = [retries, maxWait, timeout];
    this.#fetch = send ?? ((input, init) => fetch(input, init));
  }

  /** Any other request of the API, such as `request("GET", "members/")`: its JSON, or null without a body. */
  request<Result = unknown>(method: string, path: string, { query, body }: { query?: object; body?: object } = {}) {
    const once = !["GET", "HEAD", "PUT"].includes(method);
    const rest = { ...(query && { query }), ...(body && { body }) };
    return this.#send<Result>({ method, path: path.replace(/^\/+/, ""), once, ...rest });
  }

  /** All connections that match, page by page. */
  connections(filters: ConnectionFilters = {}): AsyncGenerator<Connection, void> {
    return this.#pages("connections/", filters);
  }

  /** One connection, by its ID. */
  connection(id: string): Promise<Connection> {
    return this.#send({ method: "GET", path: `connections/${identifier(id)}/` });
  }

  /** Disconnect it, and revoke its access at the service where that is possible. */
  disconnect(id: string): Promise<Disconnected> {
    return this.#send({ method: "DELETE", path: `connections/${identifier(id)}/`, once: true });
  }

  /** A fresh access token, or what the connection's API key adds to requests. */
  credentials(id: string, need: TokenNeed = {}): Promise<Token | KeyMaterial> {
    return this.#send({ method: "POST", path: `connections/${identifier(id)}/token/`, body: need });
  }

  /** A fresh access token, valid for at least `min_ttl` seconds if the service allows that (`min_ttl_met`). */
  async token(id: string, need: TokenNeed = {}): Promise<Token> {
    const found = await this.credentials(id, need);
    if ("access_token" in found) return found;
    throw new NoTokenError("This connection has an API key; credentials() returns what it adds to requests");
  }

  /** The tokens of up to 50 connections, each with its own outcome. */
  async tokens(connections: readonly string[], need: TokenNeed = {}): Promise<TokenItem[]> {
    return (await this.#post<{ results: TokenItem[] }>("tokens/", { connections, ...need })).results;
  }

  /** Make a real call that verifies the connection. */
  check(id: string): Promise<CheckResult> {
    return this.#send({ method: "POST", path: `connections/${identifier(id)}/check/` });
  }

  /** The same for up to 50 connections, each with its own outcome. */
  async checks(connections: readonly string[]): Promise<CheckItem[]> {
    return (await this.#post<{ results: CheckItem[] }>("connections/check/", { connections })).results;
  }

  /** Whether a workflow's connections (IDs, or with scopes and a duration in seconds) are usable. */
  preflight(needs: readonly (PreflightNeed | string)[]): Promise<Preflight> {
    const connections = needs.map((need) => (typeof need === "string" ? { connection: need } : need));
    return this.#post("preflight/", { connections });
  }

  /** A one-time link (`url`) for one member, who connects a service or repairs a connection. */
  createConnectSession(session: NewConnectSession): Promise<ConnectLink> {
    const idempotencyKey = crypto.randomUUID();
    return this.#send({ method: "POST", path: "connect-sessions/", body: session, idempotencyKey });
  }

  /** The state of a session. */
  connectSession(id: string): Promise<ConnectSession> {
    return this.#send({ method: "GET", path: `connect-sessions/${identifier(id)}/` });
  }

  /** Cancel a session whose link was not used. */
  cancelConnectSession(id: string): Promise<ConnectSession> {
    return this.#send({ method: "DELETE", path: `connect-sessions/${identifier(id)}/`, once: true });
  }

  /**
   * The session once it is no longer pending, whatever its outcome. Times are in seconds.
   *
   * @throws SessionPendingError after `timeout`
   */
  async waitForConnectSession(id: string, { timeout = 600, interval = 2 } = {}): Promise<ConnectSession> {
    const deadline = Date.now() + timeout * 1000;
    for (;;) {
      const session = await this.connectSession(id);
      if (session.status !== "pending") return session;
      if (Date.now() + interval * 1000 > deadline) {
        throw new SessionPendingError(`The connect session is still pending after ${timeout} seconds`);
      }
      await pause(interval);
    }
  }

  /** A short-lived token for a page, which must not have the API key; it has at most the key's scopes. */
  createBrowserToken(token: NewBrowserToken): Promise<BrowserToken> {
    const idempotencyKey = crypto.randomUUID();
    return this.#send({ method: "POST", path: "browser-tokens/", body: token, idempotencyKey });
  }

  /** The calls of the last days (1 to 365) through the connections that the key can see, and its limits. */
  usage({ days = 30 } = {}): Promise<TeamUsage> {
    return this.#send({ method: "GET", path: "usage/", query: { days } });
  }

  /** The team's members, page by page. For keys with the scope `members:read`. */
  members(): AsyncGenerator<Member, void> {
    return this.#pages("members/", {});
  }

  /** The base URL for SDKs that take one, with the API key as their token. */
  proxyUrl(connection: string): string {
    return `${this.url}/api/v1/connections/${identifier(connection)}/proxy/`;
  }

  /** A `fetch` for vendors' SDKs, whose requests go through the proxy. `baseUrl` is the one that the SDK calls. */
  proxyFetch(connection: string, target: Omit<ProxyTarget, "proxyUrl" | "apiKey"> = {}): typeof fetch {
    return proxyFetch({ ...target, proxyUrl: this.proxyUrl(connection), apiKey: this.#apiKey }, this.#fetch);
  }

  async *#pages<Row>(path: string, filters: object): AsyncGenerator<Row, void> {
    let cursor: string | null = null;
    do {
      const query: object = cursor ? { ...filters, cursor } : filters;
      const page: { next: string | null; results: Row[] } = await this.#send({ method: "GET", path, query });
      yield* page.results;
      cursor = page.next && new URL(page.next).searchParams.get("cursor"); // never the address itself
    } while (cursor);
  }

  #post<Result>(path: string, body: object): Promise<Result> {
    return this.#send({ method: "POST", path, body });
  }

  async #send<Result>(operation: Operation): Promise<Result> {
    for (let tries = 0; ; tries += 1) {
      let response: Response;
      try {
        response = await this.#fetch(this.#address(operation), this.#init(operation));
      } catch (error) {
        const lost = error instanceof TypeError && !operation.once && tries < this.#retries;
        if (!lost) throw error;
        continue;
      }
      if (response.ok) {
        const text = await response.text();
        return (text ? JSON.parse(text) : null) as Result;
      }
      const seconds = retryAfter(response.headers);
      const error = await errorOf(response);
      const refusedForNow = [429, 503].includes(error.status) || error.code === "idempotency_key_in_use";
      if (!refusedForNow || seconds === null || seconds > this.#maxWait || tries >= this.#retries) throw error;
      await pause(seconds);
    }
  }

  #address({ path, query = {} }: Operation): URL {
    const url = new URL(`${this.url}/api/v1/${path}`);
    for (const [name, value] of Object.entries(query)) {
      const text = Array.isArray(value) ? value.join(SEPARATORS[name] ?? ",") : String(value);
      if (value !== undefined) url.searchParams.set(name, text);
    }
    return url;
  }

  #init({ method, body, idempotencyKey }: Operation): RequestInit {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#apiKey}`, Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    const signal = AbortSignal.timeout(this.#timeout * 1000);
    // A redirect would carry the key to an address that the caller did not choose.
    return { method, headers, signal, redirect: "error", ...(body && { body: JSON.stringify(body) }) };
  }
}

/** The ID as it is in addresses. Another text in a path would be another request. */
function identifier(text: string): string {
  if (!ID.test(text)) throw new TypeError(`${JSON.stringify(text)} is not an ID (a UUID)`);
  return text;
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
