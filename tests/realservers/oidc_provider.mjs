// An OpenID Provider on a free port of 127.0.0.1. Clients come as JSON on standard input; the last line written at the
// start is the issuer. Beside the provider's own endpoints: GET /journal, the grant types of all token requests.
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const installed = createRequire(pathToFileURL(`${process.argv[2]}/`));
const { Provider } = await import(pathToFileURL(installed.resolve('oidc-provider')).href);
const { clients } = JSON.parse(readFileSync(0, 'utf8'));

const server = http.createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
const journal = [];
const provider = new Provider(issuer, {
  clients,
  claims: { openid: ['sub'], email: ['email'] },
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
  // The default of the package: a refresh token only for offline_access, which needs prompt=consent.
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@provider.example` }) }),
  conformIdTokenClaims: false,
  ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 3600, IdToken: 60, Interaction: 600, Session: 600, RefreshToken: 3600 },
});
provider.on('grant.success', (ctx) => journal.push(ctx.oidc.params.grant_type));
provider.on('grant.error', (ctx, error) => journal.push(`${ctx.oidc?.params?.grant_type}: ${error.error}`));
const answer = provider.callback();
server.on('request', (request, response) => {
  if (request.url !== '/journal') return answer(request, response);
  response.setHeader('Content-Type', 'application/json');
  return response.end(JSON.stringify(journal));
});
console.log(issuer);
