// A certified OpenID Provider on loopback. Its first line on stdout is its issuer; it ends when its stdin closes.
// Settings come as JSON in the first argument: lifetime (seconds), clientId, serviceId and serviceSecret of a client that
// logs in as itself; where wanted also webUris (redirect URIs of the client `web`) and webScope (all it may have), pkce (false: not required), par
// (true: only pushed authorization requests) and tls (paths of key and cert).
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);
const { lifetime, clientId, serviceId, serviceSecret, webUris = [], webScope, pkce = true, par = false, tls } = settings;

const server = tls ? createSecureServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }) : createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `${tls ? "https" : "http"}://localhost:${server.address().port}`;

const webClient = {
  client_id: "web",
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  redirect_uris: webUris,
  ...(webScope ? { scope: webScope } : {}),
};

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: clientId,
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
      response_types: ["code"],
      redirect_uris: ["http://localhost:8000", "http://localhost:18000"],
    },
    ...(webUris.length ? [webClient] : []),
    {
      client_id: serviceId,
      client_secret: serviceSecret,
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
    },
  ],
  claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
  conformIdTokenClaims: false,
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: par },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, groups: ["gpu-users"] }),
  }),
  pkce: { required: () => pkce },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: lifetime,
    AuthorizationCode: 60,
    ClientCredentials: lifetime,
    DeviceCode: 600,
    Grant: 3600,
    IdToken: lifetime,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
});

server.on("request", provider.callback());
console.log(issuer);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
