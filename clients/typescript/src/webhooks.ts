/** Webhook messages, signed according to Standard Webhooks (https://www.standardwebhooks.com/). */

import { Webhook } from "standardwebhooks";

import { WebhookError } from "./errors.js";
import type { WebhookEvent } from "./types.js";

/**
 * The message, if it is signed with the secret (or one of several) and at most five minutes old.
 *
 * `body` is the request's body as it came, not parsed. The header `webhook-id` is the same for repeated messages.
 *
 * @throws WebhookError respond with 401 then
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers | Record<string, string | string[] | undefined>,
  secret: string | readonly string[],
): WebhookEvent {
  const text = typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body);
  const entries = headers instanceof Headers ? [...headers.entries()] : Object.entries(headers);
  const named = Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), String(value ?? "")]));
  for (const each of typeof secret === "string" ? [secret] : secret) {
    try {
      return new Webhook(each).verify(text, named) as WebhookEvent;
    } catch {
      continue;
    }
  }
  throw new WebhookError("The message is not signed with the webhook's secret, or it is too old");
}
