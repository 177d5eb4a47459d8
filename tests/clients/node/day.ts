// A builder's day with @specway/client. Lines of JSON at standard output and input are the conversation with the test.

import { createInterface } from "node:readline";

import { Client as Notion } from "@notionhq/client";
import { Octokit } from "@octokit/core";
import { ApiError, Client, ForeignAddressError, NoTokenError, verifyWebhook, WebhookError } from "@specway/client";

const env = process.env as Record<string, string>;
const specway = new Client({ url: env.SPECWAY_URL!, apiKey: env.SPECWAY_API_KEY! });
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (result: unknown) => process.stdout.write(`${JSON.stringify(result)}\n`);

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

const events = ["connect_session.connected", "connection.disconnected"];
const hook = await specway.request<{ secret: string }>("POST", "webhooks/", { body: { url: env.HOOKS, events } });
const link = await specway.createConnectSession({
  integration: "sandbox",
  member: env.OWNER!,
  sharing: { level: "manage" },
  external_id: "day-typescript",
});
say({ url: link.url, session: link.id });
const session = await specway.waitForConnectSession(link.id, { timeout: 60, interval: 0.1 });
const connection = session.connection!;
const listed: string[] = [];
for await (const one of specway.connections({ external_id: "day-typescript", page_size: 1 })) listed.push(one.id);
const shared: string[] = [];
for await (const one of specway.connections({ id: [env.SLACK!, env.GITHUB!], page_size: 1 })) shared.push(one.id);

const { headers, body } = JSON.parse((await lines.next()).value as string);
const message = verifyWebhook(body, headers, [`whsec_${"b".repeat(32)}`, hook.secret]);
const forged = await failure((async () => verifyWebhook(`${body} `, headers, hook.secret))());

const token = await specway.token(connection, { min_ttl: 60 });
const me = await (await specway.proxyFetch(connection)("me")).json();
const preflight = await specway.preflight([connection, { connection: env.SLACK!, duration: 60 }]);
const unusable = await specway.preflight([{ connection, scopes: ["messages:write"] }]);

const github = specway.proxyFetch(env.GITHUB!, { baseUrl: "https://api.github.com" });
const octokit = new Octokit({ auth: "not-sent", request: { fetch: github } });
const issue = await octokit.request("POST /repos/{owner}/{repo}/issues", { owner: "octo", repo: "hello", title: "Hi" });
const missing = await failure(octokit.request("GET /missing"));
const notion = new Notion({
  auth: "not-sent",
  fetch: specway.proxyFetch(env.GITHUB!, { baseUrl: "https://api.notion.com" }) as never,
});
const user = await notion.users.me({});

const streamed = (await github("https://api.github.com/events")).body!.getReader();
const read = async () => new TextDecoder().decode((await streamed.read()).value);
const sent = [await read()];
await github("https://api.github.com/go-on");
sent.push(await read());

const outside: boolean[] = [];
for (const url of [
  "https://elsewhere.example/",
  "https://api.github.com/..%2f..%2f../members/",
  `${env.SPECWAY_URL}/api/v1/members/`,
  `${specway.proxyUrl(env.GITHUB!)}../../../members/`,
]) {
  outside.push((await failure(github(url))) instanceof ForeignAddressError);
}
const tokenOfPage = await specway.createBrowserToken({ origin: env.PAGES!, scopes: ["connections:read"] });
const usage = await specway.usage({ days: 2 });
const members: string[] = [];
for await (const one of specway.members()) members.push(one.email);
const unknown = await failure(specway.proxyFetch("00000000-0000-4000-8000-000000000000")("me"));

say({
  status: session.status,
  connection,
  listed,
  shared: shared.sort(),
  message,
  forged: forged instanceof WebhookError,
  token: token.access_token,
  noToken: (await failure(specway.token(env.GITHUB!))) instanceof NoTokenError,
  me,
  usable: preflight.usable,
  code: unusable.results[0]?.code,
  issue: issue.data,
  missing: (missing as { status: number }).status,
  user,
  sent,
  outside,
  tokenOfPage: tokenOfPage.token,
  calls: usage.calls,
  members,
  unknown: unknown instanceof ApiError && unknown.code,
  check: (await specway.check(connection)).outcome,
  disconnected: await specway.disconnect(connection),
  gone: ((await failure(specway.token(connection))) as ApiError).code,
});
process.exit(0);
