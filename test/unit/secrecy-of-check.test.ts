import fc from "fast-check";
import { checkInvitation, checkStage, forbidRequests, requests } from "./support/check";

jest.setTimeout(30_000);

/** A text that stands in no message by chance. */
const secrets = fc.stringMatching(/^[A-Za-z0-9 ]{8,20}$/).map((text) => `§${text}§`);

/** What makes a text that holds the secret wrong in one more way, or in none. */
const wrappings = fc.constantFrom<(secret: string) => unknown>(
  (secret) => secret,
  (secret) => `${secret}\0`,
  (secret) => `\ud83d${secret}`,
  (secret) => `  ${secret}  `,
  (secret) => secret.repeat(20),
  (secret) => [secret],
  (secret) => [[[secret, `${secret}\0`]]],
  (secret) => ({ key: secret }),
  (secret) => ({ key: `${secret}\0`, other: Number.NaN }),
  (secret) => ({ list: [1e300, secret, { deeper: `\0${secret}` }] }),
  (secret) => `${secret}d`,
  (secret) => `2031-05-06T07:08:09${secret}`,
);

const names = fc.constantFrom(
  "name",
  "expires",
  "validFor",
  "fixedData",
  "singleUse",
  "flow",
  "connection",
  "import",
  "continueFlowWithoutInvitation",
  "single_use",
  "colour",
);

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

test.each([
  ["an invitation", checkInvitation],
  ["a stage", checkStage],
])("no reason of %s holds a value, wherever it stands and whatever is wrong with it", async (_what, check) => {
  await fc.assert(
    fc.asyncProperty(
      secrets,
      fc.dictionary(names, wrappings, { minKeys: 1 }),
      fc.boolean(),
      async (secret, wrong, exists) => {
        const inputs = Object.fromEntries(Object.entries(wrong).map(([name, wrap]) => [name, wrap(secret)]));
        const { reasons, properties } = await check(inputs, exists ? { name: "old" } : {});
        expect(reasons.join("\n")).not.toContain(secret.trim());
        expect(properties.join("")).toBe("");
      },
    ),
    { numRuns: 400 },
  );
});

test("no reason holds a number or another value of fixedData", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 10 ** 12, max: 2 ** 52 }), async (number) => {
      const { reasons } = await checkInvitation({
        name: number,
        expires: number,
        validFor: `${number}`,
        fixedData: { big: number * 2 ** 40, list: [number, Number.NaN] },
        singleUse: number,
        flow: number,
        connection: number,
        import: number,
      });
      expect(reasons.join("\n")).not.toContain(String(number));
      expect(reasons.join("\n")).not.toContain(String(number * 2 ** 40));
    }),
  );
});

test("any JSON at all is checked without an exception", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.oneof(names, fc.string()), fc.anything({ maxDepth: 4 })), async (inputs) => {
      const { reasons, properties } = await checkInvitation(inputs);
      expect(reasons.every((reason) => reason.length > 0)).toBe(true);
      expect(properties.every((property) => property === "")).toBe(true);
    }),
    { numRuns: 300 },
  );
});
