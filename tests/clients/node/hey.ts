// The same day with a client that @hey-api/openapi-ts makes of the document.

import { client } from "./hey/client.gen.js";
import {
  connectionsDisconnect,
  connectionsProxyGet,
  connectionsProxyPost4,
  connectionsToken,
  connectSessionsCreate,
  connectSessionsRetrieve,
  preflight,
  webhooksCreate,
} from "./hey/sdk.gen.js";

const env = process.env as Record<string, string>;
client.setConfig({ baseUrl: env.SPECWAY_URL!, auth: env.SPECWAY_API_KEY! });
const say = (result: unknown) => process.stdout.write(`${JSON.stringify(result)}\n`);

const hook = await webhooksCreate({ body: { url: env.HOOKS!, events: ["connect_session.connected"] } });
const link = await connectSessionsCreate({
  body: { integration: "sandbox", member: env.OWNER!, sharing: { level: "manage" } },
});
const id = link.data!.id;
say({ url: link.data!.url, session: id, secret: hook.data!.secret });

let session = await connectSessionsRetrieve({ path: { id } });
while (session.data!.status === "pending") {
  await new Promise((resolve) => setTimeout(resolve, 100));
  session = await connectSessionsRetrieve({ path: { id } });
}
const path = { id: session.data!.connection! };
const token = await connectionsToken({ path, body: { min_ttl: 60 } });
const me = await connectionsProxyGet({ path: { ...path, path: "me" } });
const issue = await connectionsProxyPost4({
  path: { id: env.GITHUB!, path: "repos", path2: "octo", path3: "hello", path4: "issues" },
  body: { title: "Hi" } as never,
});
const usable = await preflight({ body: { connections: [{ connection: path.id }] } });
const disconnected = await connectionsDisconnect({ path });
say({
  status: session.data!.status,
  connection: path.id,
  token: token.data && "access_token" in token.data ? token.data.access_token : "",
  me: me.data,
  issue: issue.data,
  usable: usable.data!.usable,
  disconnected: disconnected.data,
});
