import { inspect } from "node:util";
import fc from "fast-check";
import { InvitationStage as invitationStageProvider } from "pulumi-authentik-invitations/provider";
import { Client, retrieveInvitation } from "../bundle-internals";
import { runs, timeout } from "../hostile/runs";
import { catchError } from "./support/catch-error";
import { pkHex } from "./support/events";
import { authentikUrl, configureWith, mockResponse, resetHttpMocks, settings, token } from "./support/http-mocks";
import { meBody, pk } from "./support/response-bodies";

jest.setTimeout(timeout);

const invitationPath = `/stages/invitation/invitations/${pk}/`;
const headerValue = "correct-horse battery/staple";
const secrets = [token, pk, pkHex, headerValue];

/** What proxies make of a request that they repeat. */
const encodings: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => value.toUpperCase(),
  (value) => encodeURIComponent(value),
  (value) => [...value].map((character) => `%${character.charCodeAt(0).toString(16)}`).join(""),
  (value) => [...value].map((character) => `&#${character.charCodeAt(0)};`).join(""),
  (value) => [...value].map((character) => `\\u00${character.charCodeAt(0).toString(16)}`).join(""),
  (value) => [...value].join(" "),
  (value) => Buffer.from(value).toString("base64"),
  (value) => Buffer.from(`x-gateway-key: ${value}`).toString("base64"),
  (value) => Buffer.from(value).toString("hex"),
];
const secret = fc
  .tuple(fc.constantFrom(...secrets), fc.constantFrom(...encodings))
  .map(([value, encode]) => encode(value));
/** Every twelve consecutive characters of a secret in any encoding: a truncated secret is also a leak. */
const secretParts = secrets.flatMap((value) =>
  encodings
    .map((encode) => encode(value))
    .flatMap((encoded) => Array.from({ length: encoded.length - 11 }, (_, start) => encoded.slice(start, start + 12))),
);

function expectNoSecret(message: string): void {
  expect(secretParts.filter((part) => message.includes(part))).toEqual([]);
}

const padding = fc.oneof(
  fc.constant(""),
  fc.integer({ min: 1, max: 600 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 440, max: 505 }).map((length) => "x".repeat(length)),
);
const echoes = fc.tuple(padding, fc.array(secret, { minLength: 1, maxLength: 3 })).map(([prefix, echoed]) => {
  return `${prefix} ${echoed.join(" and ")}`.trimStart();
});

/** Response bodies that echo secrets from the request. */
const bodies = fc.oneof(
  echoes.map((message) => ({ detail: message })),
  echoes.map((message) => ({ name: [message] })),
  echoes.map((message) => ({ name: { deeper: [message] } })),
  fc.tuple(echoes, echoes).map(([key, message]) => ({ [key]: [message] })),
  echoes.map((message) => [message]),
  echoes.map((message) => `<html><title>${message}</title></html>`),
  echoes.map((message) => ({ pk: message, name: 7, expires: [message], single_use: message, [message]: message })),
);
const statuses = fc.constantFrom(200, 201, 302, 400, 401, 403, 404, 405, 409, 413, 415, 418, 500, 501);
const contentTypes = fc.constantFrom("application/json", "text/html", "text/plain");

beforeEach(resetHttpMocks);

test("no error contains the token, a header or the pk, wherever and however the server echoes them", async () => {
  const client = Client.connect({
    url: authentikUrl,
    token,
    headers: { "x-key": headerValue },
    limits: { maxAttempts: 1 },
  });
  await fc.assert(
    fc.asyncProperty(bodies, statuses, contentTypes, secret, async (body, status, contentType, echoed) => {
      resetHttpMocks();
      mockResponse("GET", "/core/users/me/", 200, meBody);
      mockResponse("GET", invitationPath, status, body, {
        headers: { "content-type": contentType, location: `https://sso.test/${echoed}?itoken=${echoed}` },
      });
      const error = await catchError(retrieveInvitation(client, pk));
      expectNoSecret(error.message);
      expectNoSecret(inspect(error, { depth: 9, showHidden: true }));
    }),
    runs(100),
  );
});

// Errors of other operations are in test/hostile/responses.test.ts.
test("an error that Pulumi prints contains no token after authentik rejected a stage's name", async () => {
  await configureWith(invitationStageProvider, settings);
  mockResponse("POST", "/stages/invitation/stages/", 400, { name: [`${"x".repeat(480)} Invalid: ${token}`] });
  mockResponse("GET", "/stages/invitation/stages/", 403, { detail: token });
  mockResponse("GET", "/core/users/me/", 200, meBody);
  const stage = { name: "invitation", continueFlowWithoutInvitation: false };
  expectNoSecret((await catchError(invitationStageProvider.create(stage))).message);
});
