import fc from "fast-check";
import { runs, timeout } from "../hostile/runs";
import { checkInvitation, checkStage } from "./support/check";

jest.setTimeout(timeout);

/** Strings that no message contains by chance. */
const secrets = fc.stringMatching(/^[A-Za-z0-9 ]{8,20}$/).map((value) => `§${value}§`);

/** Values that contain the secret, most of them invalid in one way or another. */
const valuesWithSecret = fc.constantFrom<(secret: string) => unknown>(
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
  "color",
);

test.each([
  ["an invitation", checkInvitation],
  ["a stage", checkStage],
])("no failure reason for %s contains a value, whatever is invalid", async (_case, check) => {
  await fc.assert(
    fc.asyncProperty(
      secrets,
      fc.dictionary(names, valuesWithSecret, { minKeys: 1 }),
      fc.boolean(),
      async (secret, toValues, exists) => {
        const inputs = Object.fromEntries(Object.entries(toValues).map(([name, toValue]) => [name, toValue(secret)]));
        const { reasons } = await check(inputs, exists ? { name: "old" } : {});
        expect(reasons.join("\n")).not.toContain(secret.trim());
      },
    ),
    runs(100),
  );
});

test("no failure reason contains a number or a value in fixedData", async () => {
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
    runs(100),
  );
});
