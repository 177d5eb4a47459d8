// Compiles only if what the document describes is what @specway/client's types say, and the other way round.

import type * as ours from "@specway/client";

import type { components, paths } from "./document.js";

type Schemas = components["schemas"];
type Returned<Ours, Theirs extends Ours> = [Ours, Theirs];
type Taken<Ours extends Theirs, Theirs> = [Ours, Theirs];
type Filters = NonNullable<paths["/api/v1/connections/"]["get"]["parameters"]["query"]>;

export type Checked = [
  Returned<ours.Connection, Schemas["Connection"] & { kind: string }>,
  Returned<ours.Token, Schemas["Token"]>,
  Returned<ours.KeyMaterial, Schemas["KeyMaterial"]>,
  Returned<ours.TokenItem, Schemas["TokenItem"]>,
  Returned<ours.CheckResult, Schemas["CheckResult"]>,
  Returned<ours.CheckItem, Schemas["CheckItem"]>,
  Returned<ours.Preflight, Schemas["Preflight"]>,
  Returned<ours.ConnectSession, Schemas["ConnectSession"]>,
  Returned<ours.ConnectLink, Schemas["Link"]>,
  Returned<ours.Disconnected, Schemas["Disconnected"]>,
  Returned<ours.TeamUsage, Schemas["TeamUsage"]>,
  Returned<ours.BrowserToken, Schemas["BrowserToken"]>,
  Returned<ours.Member, Schemas["Member"]>,
  Taken<ours.NewBrowserToken, Partial<Schemas["NewBrowserTokenRequest"]>>,
  Taken<Omit<ours.NewConnectSession, "notify" | "sharing">, Partial<Schemas["NewConnectSessionRequest"]>>,
  Taken<ours.TokenNeed, Partial<Schemas["TokenRequestRequest"]>>,
  Taken<ours.PreflightNeed, Partial<Schemas["PreflightItemRequestRequest"]>>,
  Taken<keyof ours.ConnectionFilters, keyof Filters>,
];
