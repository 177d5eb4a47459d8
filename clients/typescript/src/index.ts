/** Client of Specway Connections: connections, fresh tokens, connect sessions, and calls through vendors' SDKs. */

export { Client } from "./client.js";
export type { ClientOptions } from "./client.js";
export { ApiError, ForeignAddressError, NoTokenError, SessionPendingError, SpecwayError, WebhookError } from "./errors.js";
export type { Problem } from "./errors.js";
export { proxyFetch, proxiedUrl } from "./proxy.js";
export type { CallOptions, ProxyTarget } from "./proxy.js";
export { verifyWebhook } from "./webhooks.js";
export type * from "./types.js";
