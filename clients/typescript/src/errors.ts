/** What can go wrong. Network failures are `fetch`'s own: a TypeError, or an AbortError. */

/** The base of this package's errors. */
export class SpecwayError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** A problem document (RFC 9457). */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  help?: string;
  reconnect_url?: string;
  errors?: { field: string; detail: string }[];
}

/** Specway refused or failed. `code` is stable and for programs, `detail` is for people; `retryAfter` is in seconds. */
export class ApiError extends SpecwayError {
  readonly code: string;
  readonly detail: string;
  readonly errors: { field: string; detail: string }[];
  /** The page where a person can mend the connection, or empty. */
  readonly reconnectUrl: string;

  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly retryAfter: number | null = null,
  ) {
    const fields = (problem.errors ?? []).map(({ field, detail }) => `${field}: ${detail}`).join("; ");
    const text = problem.detail ?? problem.title ?? "";
    super(`${status} ${problem.code ?? "error"}: ${text}${fields && ` (${fields})`}`);
    this.code = problem.code ?? "error";
    this.detail = problem.detail ?? "";
    this.errors = problem.errors ?? [];
    this.reconnectUrl = problem.reconnect_url ?? "";
  }
}

/** The connection has an API key and no access token: `credentials()` returns what it adds to requests. */
export class NoTokenError extends SpecwayError {}

/** The person has not finished the connect session within the time that the caller wanted to wait. */
export class SessionPendingError extends SpecwayError {}

/** A request to an address that is not below the service's base URL. It was not sent. */
export class ForeignAddressError extends SpecwayError {}

/** A message that is not signed with the webhook's secret, or too old. It must not be trusted. */
export class WebhookError extends SpecwayError {}

/** The error for a response that is not a success. Other bodies than problem documents are left out. */
export async function errorOf(response: Response): Promise<ApiError> {
  let problem: Problem = { detail: "The response is not a problem document." };
  try {
    const found: unknown = await response.json();
    if (typeof found === "object" && found !== null && !Array.isArray(found)) problem = found;
  } catch {
    // not JSON
  }
  return new ApiError(response.status, problem, retryAfter(response.headers));
}

/** The seconds of Retry-After; null if there is none. Specway sends no dates in it. */
export function retryAfter(headers: Headers): number | null {
  const value = headers.get("Retry-After")?.trim() ?? "";
  return /^[0-9]+$/.test(value) ? Number(value) : null;
}
