import fc from "fast-check";
import { Client } from "../../provider/authentik/client";
import { retrieveInvitation } from "../../provider/authentik/invitations";
import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { meBody, pk } from "./support/bodies";
import { answer, base, clearExchanges, configureWith, settings, token } from "./support/exchanges";
import { failureOf } from "./support/failure";
import { invitationInputs, invitationState } from "./support/invitation";

const list = "/stages/invitation/invitations/";
const one = `${list}${pk}/`;
const hex = pk.replaceAll("-", "");
const secrets = [token, pk, hex];

/** Eight characters of a secret in a row: a part that a cut has left is a leak, too. */
const parts = secrets.flatMap((secret) =>
  Array.from({ length: secret.length - 7 }, (_none, start) => secret.slice(start, start + 8)),
);

function expectNoSecret(text: string): void {
  expect(parts.filter((part) => text.includes(part))).toEqual([]);
}

const secret = fc.constantFrom(...secrets);
const padding = fc.oneof(
  fc.constant(""),
  fc.integer({ min: 1, max: 600 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 440, max: 505 }).map((length) => "x".repeat(length)),
);
const echo = fc.tuple(padding, fc.array(secret, { minLength: 1, maxLength: 3 })).map(([before, texts]) => {
  return `${before} ${texts.join(" and ")}`.trimStart();
});

/** Bodies in which the server repeats what it was sent, anywhere. */
const bodies = fc.oneof(
  echo.map((text) => ({ detail: text })),
  echo.map((text) => ({ name: [text] })),
  echo.map((text) => ({ name: { deeper: [text] } })),
  fc.tuple(echo, echo).map(([key, text]) => ({ [key]: [text] })),
  echo.map((text) => [text]),
  echo.map((text) => `<html><title>${text}</title></html>`),
  echo.map((text) => ({ pk: text, name: 7, expires: [text], single_use: text, [text]: text })),
);
const statuses = fc.constantFrom(200, 201, 302, 400, 401, 403, 404, 405, 409, 413, 415, 418, 500, 501);
const types = fc.constantFrom("application/json", "text/html", "text/plain");

beforeEach(clearExchanges);

test("neither the token nor the pk stands in a message, wherever the server repeats them", async () => {
  const client = new Client({ url: base, token, limits: { maxAttempts: 1 } });
  await fc.assert(
    fc.asyncProperty(bodies, statuses, types, secret, async (body, status, type, place) => {
      clearExchanges();
      answer("GET", "/core/users/me/", 200, meBody);
      answer("GET", one, status, body, {
        headers: { "content-type": type, location: `https://sso.test/${place}?itoken=${place}` },
      });
      const failure = await failureOf(retrieveInvitation(client, pk));
      expectNoSecret(failure.message);
    }),
    { numRuns: 300 },
  );
}, 30_000);

describe("what the user reads", () => {
  beforeEach(() => configureWith(invitationProvider, settings));

  test.each(["POST", "PUT", "DELETE", "GET"] as const)("of a %s holds no secret", async (method) => {
    const steps = {
      POST: () => invitationProvider.create(invitationInputs()),
      PUT: () => invitationProvider.update("x", invitationState(), invitationInputs({ singleUse: true })),
      DELETE: () => invitationProvider.delete("x", invitationState()),
      GET: () => invitationProvider.read("x", invitationState()),
    };
    answer(method, method === "POST" ? list : one, 400, { name: [`What is ${token}, ${pk}, ${hex}?`] });
    const { message, stack } = await failureOf(steps[method]());
    if (method === "POST") expect(message).not.toContain(token);
    else expectNoSecret(message);
    expect(stack).toBe("");
  });

  test("of a stage's name that is refused holds no token", async () => {
    answer("POST", "/stages/invitation/stages/", 400, { name: [`${"x".repeat(480)} What is ${token}?`] });
    answer("GET", "/stages/invitation/stages/", 403, { detail: token });
    answer("GET", "/core/users/me/", 200, meBody);
    const { message } = await failureOf(
      invitationStageProvider.create({ name: "invitation", continueFlowWithoutInvitation: false }),
    );
    expectNoSecret(message);
  });
});
