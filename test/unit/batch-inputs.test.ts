import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  type CsvInvitation,
  type CsvRow,
  type InvitationsFromCsvOptions,
  invitationsFromCsv,
} from "../../provider/functions/invitations-from-csv";
import { toInvitationInputs } from "../../provider/lifecycle/batch/inputs";
import { maxPrefixLength, toEntryNames } from "../../provider/lifecycle/batch/names";
import { batchProvider } from "../../provider/lifecycle/batch/provider";
import { unknownValue } from "../../provider/lifecycle/values/properties";
import { batchInputs, type Properties } from "./support/batch";

async function getReasons(news: Properties, olds: Properties = {}): Promise<string[]> {
  const { failures = [] } = await batchProvider.check(olds, news);
  return failures.map(({ reason }) => reason);
}

describe("the check of a batch", () => {
  test("reports the errors of all entries at once, by path", async () => {
    const invitations = {
      "ada@example.com": { expires: "2020-01-01T00:00:00Z" },
      grace: { singleUs: true },
      joan: { fixedData: "x", import: "not a pk" },
      mary: { onRetired: "reissue", expires: "2031-01-01T00:00:00Z" },
    };
    expect(await getReasons(batchInputs(invitations))).toEqual([
      'invitations["ada@example.com"].expires: is in the past',
      "invitations.grace.singleUs: unknown property. Did you mean singleUse?",
      expect.stringMatching(/^invitations\.joan\.fixedData: /),
      "invitations.joan.import: must be the pk (a UUID) of the invitation to import",
      expect.stringMatching(/^invitations\.mary\.onRetired: "reissue" requires validFor/),
    ]);
  });

  test("lists the first 20 errors, and counts the rest", async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const reasons = await getReasons(batchInputs(Object.fromEntries(keys.map((key) => [key, { singleUse: 1 }]))));
    expect(reasons).toHaveLength(21);
    expect(reasons.at(-1)).toBe("10 more errors");
  });

  test("accepts unknown values", async () => {
    expect(await getReasons(batchInputs({ ada: unknownValue, joan: { fixedData: unknownValue } }))).toEqual([]);
    expect(await getReasons({ ...batchInputs({}), invitations: unknownValue })).toEqual([]);
    expect(await getReasons({ ...batchInputs({ ada: {} }), validFor: unknownValue })).toEqual([]);
  });

  test("accepts an expiry in the past of an entry that exists", async () => {
    const inputs = batchInputs({ ada: { expires: "2020-01-01T00:00:00Z" } });
    expect(await getReasons(inputs, inputs)).toEqual([]);
  });

  test("rejects an empty key, an entry that is no object, and a prefix that is too long", async () => {
    expect(await getReasons(batchInputs({ " ": {} }))).toEqual(["invitations: a key must not be empty"]);
    expect(await getReasons(batchInputs({ ada: "x" }))).toEqual(["invitations.ada: must be an object"]);
    expect(await getReasons(batchInputs({}, { name: "x".repeat(maxPrefixLength + 1) }))).toEqual([
      expect.stringMatching(/^name: must be at most 32 characters/),
    ]);
  });
});

describe("an entry's name", () => {
  test("is the key as a slug, with digits of its hash if it had to be changed", async () => {
    const names = await toEntryNames("intake", ["ada", "ada@example.com", "Zoë Ångström", "日本", "x".repeat(80)]);
    expect(names.get("ada")).toBe("intake-ada");
    expect(names.get("ada@example.com")).toMatch(/^intake-ada-example-com-[0-9a-f]{6}$/);
    for (const name of names.values()) expect(name).toMatch(/^[-\w]{1,50}$/);
  });

  test("is accepted by every version, and distinct for distinct keys", async () => {
    const keysArb = fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1, maxLength: 70 }), { maxLength: 40 });
    const prefixArb = fc.stringMatching(/^[-\w]{1,32}$/);
    await fc.assert(
      fc.asyncProperty(prefixArb, keysArb, async (prefix, keys) => {
        const names = [...(await toEntryNames(prefix, keys)).values()];
        for (const name of names) expect(name).toMatch(/^[-\w]{1,50}$/);
        expect(new Set(names).size).toBe(keys.length);
      }),
    );
  });
});

test("an entry's fixedData are merged recursively into the batch's", async () => {
  const merged = await toInvitationInputs({
    name: "intake",
    fixedData: { a: { b: 1, c: [1] }, d: 1 },
    invitations: { ada: { fixedData: { a: { b: 2, c: [2] } } }, joan: {} },
  });
  expect(merged.get("ada")?.fixedData).toEqual({ a: { b: 2, c: [2] }, d: 1 });
  expect(merged.get("joan")?.fixedData).toEqual({ a: { b: 1, c: [1] }, d: 1 });
});

describe("invitationsFromCsv", () => {
  const folder = mkdtempSync(join(tmpdir(), "csv-"));
  const file = join(folder, "people.csv");
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (csv: string, options: Partial<InvitationsFromCsvOptions> = {}): Record<string, CsvInvitation> => {
    writeFileSync(file, csv);
    return invitationsFromCsv(file, { key: "email", ...options });
  };
  const getErrors = (csv: string, options: Partial<InvitationsFromCsvOptions> = {}): string[] => {
    try {
      read(csv, options);
    } catch (error) {
      return String((error as Error).message)
        .replaceAll(file, "people.csv")
        .split("\n");
    }
    throw new Error("Expected an error.");
  };

  test("reads quotes, a byte order mark and CRLF", () => {
    const csv = '\uFEFFemail,name\r\na@x.org,"Ada ""Countess"", L."\r\n\r\nb@x.org,"two\r\nlines"\r\n';
    expect(read(csv, { fixedData: ["email", "name"] })).toEqual({
      "a@x.org": { fixedData: { email: "a@x.org", name: 'Ada "Countess", L.' } },
      "b@x.org": { fixedData: { email: "b@x.org", name: "two\r\nlines" } },
    });
  });

  test("reads the address to which each link is emailed, from a column or a function", () => {
    const csv = "email,boss\na@x.org,b@x.org\nc@x.org, \n";
    expect(read(csv, { email: "boss" })).toEqual({ "a@x.org": { email: { to: ["b@x.org"] } }, "c@x.org": {} });
    const withCopy = ({ email, boss }: CsvRow): CsvInvitation["email"] =>
      String(boss).trim() === "" ? undefined : { to: [String(email)], cc: [String(boss)] };
    expect(read(csv, { email: withCopy })).toEqual({
      "a@x.org": { email: { to: ["a@x.org"], cc: ["b@x.org"] } },
      "c@x.org": {},
    });
    expect(getErrors(csv, { email: "mail" })).toEqual(["people.csv:1: no column mail. The columns are email, boss."]);
  });

  test("reads optional columns, and computes fixedData with a function", () => {
    const csv = "email,until,days,once\na,2031-01-01T00:00:00Z,,TRUE\nb,,14d,false\nc,,,\n";
    const options = { expires: "until", validFor: "days", singleUse: "once" };
    expect(read(csv, { ...options, fixedData: ({ email }) => ({ e: email }) })).toEqual({
      a: { expires: "2031-01-01T00:00:00Z", singleUse: true, fixedData: { e: "a" } },
      b: { validFor: "14d", singleUse: false, fixedData: { e: "b" } },
      c: { fixedData: { e: "c" } },
    });
  });

  test("reports all errors at once by file and line, without cells", () => {
    expect(getErrors("email,once\nsecret,maybe\n,\nsecret,\n", { singleUse: "once" })).toEqual([
      "people.csv:2: once must be true or false",
      "people.csv:3: email must not be empty",
      "people.csv:4: email is the same as in line 2",
    ]);
    expect(getErrors("mail\nx\n")).toEqual(["people.csv:1: no column email. The columns are mail."]);
    expect(getErrors("email,name\nx,secret,secret\n")[0]).toBe(
      "people.csv:2: the number of cells differs from the header's",
    );
    expect(getErrors('email\n"secret\n')[0]).toMatch(/^people\.csv:\d+: a quote is not closed$/);
  });
});
