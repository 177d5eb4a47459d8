/** Calls through the proxy as a `fetch`: a vendor's SDK runs as usual, and Specway adds the credentials. */

import { errorOf, ForeignAddressError } from "./errors.js";

/** Options of calls through the proxy; what is left out has its default. */
export interface CallOptions {
  /** Scopes that must have been granted. */
  scopes?: readonly string[];
  /** 0 to 3. */
  retries?: number;
  /** The statuses after which a request is repeated. */
  retryOn?: readonly number[];
  /** 0 to 5. */
  followRedirects?: number;
  /** The seconds for which the service may be idle. */
  timeout?: number;
  /** IDs for the audit log. */
  workflow?: string;
  run?: string;
}

/** Which addresses of a service are called through which proxy. */
export interface ProxyTarget {
  proxyUrl: string;
  apiKey: string;
  /** The service's, as its SDK uses it; by default the proxy's own. */
  baseUrl?: string;
  /** The base URLs of further hosts, by name. */
  hosts?: Readonly<Record<string, string>>;
  options?: CallOptions;
}

/**
 * The proxy's address for an address at the service; addresses of this proxy stay as they are.
 *
 * @throws ForeignAddressError for any other, and for paths with dot segments: they would leave the proxy
 */
export function proxiedUrl(target: ProxyTarget, requested: string | URL): string {
  const url = new URL(requested, target.baseUrl ?? target.proxyUrl); // resolves the usual dot segments
  if (hasDotSegments(url.pathname)) {
    throw new ForeignAddressError(`The path of a request to ${url.hostname} contains dot segments`);
  }
  const bases: [string, string][] = [[target.proxyUrl, ""]];
  if (target.baseUrl) bases.push([target.baseUrl, ""]);
  for (const [name, base] of Object.entries(target.hosts ?? {})) bases.push([base, `@${name}/`]);
  for (const [base, prefix] of bases) {
    const rest = below(new URL(base), url);
    if (rest !== null) return target.proxyUrl + prefix + rest + url.search;
  }
  throw new ForeignAddressError(`${url.hostname} with this path is not below ${target.baseUrl}; it was not called`);
}

/**
 * A `fetch` for SDKs. The SDK's own credentials are not sent, and bodies are streamed in both directions.
 *
 * Rejects with ApiError if Specway fails; responses are the service's own, whatever their status.
 */
export function proxyFetch(target: ProxyTarget, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const request = input instanceof Request ? input : null;
    const url = proxiedUrl(target, request ? request.url : (input as string | URL));
    const headers = new Headers(init?.headers ?? request?.headers);
    for (const [name, value] of Object.entries(callHeaders(target))) headers.set(name, value);
    // Redirects that Specway does not follow are the caller's to see: `fetch` would follow them with the API key.
    const mine: RequestInit = { ...init, headers, redirect: "manual" };
    const body = init?.body ?? request?.body;
    if (body) Object.assign(mine, { body, duplex: "half" });
    if (request) {
      mine.method = init?.method ?? request.method;
      mine.signal = init?.signal ?? request.signal;
    }
    const response = await send(url, mine);
    if (response.headers.has("Specway-Error")) throw await errorOf(response);
    return response;
  };
}

function callHeaders({ apiKey, options = {} }: ProxyTarget): Record<string, string> {
  const values: Record<string, string | number | undefined> = {
    Authorization: `Bearer ${apiKey}`,
    "Specway-Scopes": options.scopes?.join(" "),
    "Specway-Retries": options.retries,
    "Specway-Retry-On": options.retryOn?.join(","),
    "Specway-Follow-Redirects": options.followRedirects,
    "Specway-Timeout": options.timeout,
    "Specway-Workflow": options.workflow,
    "Specway-Run": options.run,
  };
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function hasDotSegments(path: string): boolean {
  const plain = path.replace(/%2e/gi, ".").replace(/%2f|%5c|\\/gi, "/");
  return plain.split("/").some((segment) => segment === "." || segment === "..");
}

/** The path below the base URL without its first slash; null if the address is not below it. */
function below(base: URL, url: URL): string | null {
  if (base.origin !== url.origin) return null;
  const above = `${base.pathname.replace(/\/+$/, "")}/`;
  if (`${url.pathname}/` === above) return "";
  return url.pathname.startsWith(above) ? url.pathname.slice(above.length) : null;
}
