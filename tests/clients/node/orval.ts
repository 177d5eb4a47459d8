// The same day with a client that orval makes of the document: functions around the platform's fetch.

import {
  connectionsDisconnect,
  connectionsProxyGet,
  connectionsProxyPost4,
  connectionsToken,
  connectSessionsCreate,
  connectSessionsRetrieve,
  preflight,
  webhooksCreate,
} from "./orval/api.js";

const env = process.env as Record<string, string>;
const send = globalThis.fetch;
// Addresses are relative to the page in a browser; here they need the installation, and the key.
globalThis.fetch = (address, init) => {
  const headers = new Headers(init?.headers);
  headers.set("Authorization", `Bearer ${env.SPECWAY_API_KEY}`);
  return send(`${env.SPECWAY_URL}${address}`, { ...init, headers });
};
const say = (result: unknown) => process.stdout.write(`${JSON.stringify(result)}\n`);
const json = { headers: { "Content-Type": "application/json" } };

type Answer = { status: number; data: unknown };

function data<Response extends Answer>(response: Response): Extract<Response, { status: 200 | 201 }>["data"] {
  if (response.status >= 300) throw new Error(JSON.stringify(response));
  return response.data as Extract<Response, { status: 200 | 201 }>["data"];
}

const hook = data(await webhooksCreate({ url: env.HOOKS!, events: ["connect_session.connected"] }));
const link = data(
  await connectSessionsCreate({ integration: "sandbox", member: env.OWNER!, sharing: { level: "manage" } }),
);
say({ url: link.url, session: link.id, secret: hook.secret });

let session = data(await connectSessionsRetrieve(link.id));
while (session.status === "pending") {
  await new Promise((resolve) => setTimeout(resolve, 100));
  session = data(await connectSessionsRetrieve(link.id));
}
const id = session.connection!;
const token = data(await connectionsToken(id, { min_ttl: 60 }));
const me = data(await connectionsProxyGet(id, "me"));
const path = ["repos", "octo", "hello", "issues"] as const;
const issue = data(await connectionsProxyPost4(env.GITHUB!, ...path, { title: "Hi" } as never, {}, json));
const usable = data(await preflight({ connections: [{ connection: id }] }));
const disconnected = data(await connectionsDisconnect(id));
say({
  status: session.status,
  connection: id,
  token: "access_token" in token ? token.access_token : "",
  me,
  issue,
  usable: usable.usable,
  disconnected,
});
