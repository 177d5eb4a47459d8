// The same day with a client that openapi-typescript and openapi-fetch make of the document.

import createClient from "openapi-fetch";

import type { paths } from "./document.js";

const env = process.env as Record<string, string>;
const api = createClient<paths>({
  baseUrl: env.SPECWAY_URL!,
  headers: { Authorization: `Bearer ${env.SPECWAY_API_KEY}` },
});
const say = (result: unknown) => process.stdout.write(`${JSON.stringify(result)}\n`);

const hook = await api.POST("/api/v1/webhooks/", {
  body: { url: env.HOOKS!, events: ["connect_session.connected", "connection.disconnected"] },
});
const link = await api.POST("/api/v1/connect-sessions/", {
  body: { integration: "sandbox", member: env.OWNER!, sharing: { level: "manage" }, notify: false },
});
const id = link.data!.id;
say({ url: link.data!.url, session: id, secret: hook.data!.secret });

let session = await api.GET("/api/v1/connect-sessions/{id}/", { params: { path: { id } } });
while (session.data!.status === "pending") {
  await new Promise((resolve) => setTimeout(resolve, 100));
  session = await api.GET("/api/v1/connect-sessions/{id}/", { params: { path: { id } } });
}
const connection = session.data!.connection!;
const path = { id: connection };
const token = await api.POST("/api/v1/connections/{id}/token/", {
  params: { path },
  body: { min_ttl: 60, strict: false },
});
const me = await api.GET("/api/v1/connections/{id}/proxy/{path}", { params: { path: { ...path, path: "me" } } });
const issue = await api.POST("/api/v1/connections/{id}/proxy/{path}/{path2}/{path3}/{path4}", {
  params: { path: { id: env.GITHUB!, path: "repos", path2: "octo", path3: "hello", path4: "issues" } },
  body: { title: "Hi" } as never,
});
const preflight = await api.POST("/api/v1/preflight/", { body: { connections: [{ connection, duration: 0 }] } });
const disconnected = await api.DELETE("/api/v1/connections/{id}/", { params: { path } });
say({
  status: session.data!.status,
  connection,
  token: token.data && "access_token" in token.data ? token.data.access_token : "",
  me: me.data,
  issue: issue.data,
  usable: preflight.data!.usable,
  disconnected: disconnected.data,
});
