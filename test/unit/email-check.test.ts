import fc from "fast-check";
import { InvitationBatch as batchProvider } from "pulumi-authentik-invitations/provider";
import { unknownValue } from "../../provider/values/properties";
import { runs, timeout } from "../hostile/runs";
import { batchInputs } from "./support/batch";
import { checkInvitation, forbidRequests, unexpectedRequests } from "./support/check";
import { invitationInputs } from "./support/invitation";

jest.setTimeout(timeout);

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

async function getReasons(email: unknown, changes: Record<string, unknown> = { flow: "staff" }): Promise<string[]> {
  const { reasons, properties } = await checkInvitation(invitationInputs({ email, ...changes }));
  for (const property of properties) expect(property).toBe("");
  return reasons;
}

async function getBatchReasons(email: unknown, entry: object = {}, changes: object = {}): Promise<string[]> {
  const inputs = batchInputs({ "ada@example.com": { email, ...entry } }, { flow: "staff", ...changes });
  const { failures = [] } = await batchProvider.check({}, inputs);
  return failures.map(({ reason }) => reason);
}

const invalid = "must be an email address, for example jane@example.com";

test.each<[string, unknown, string[]]>([
  ["a string", "jane@example.com", ['email: must be an object, for example { to: ["jane@example.com"] }']],
  ["a list", ["jane@example.com"], ['email: must be an object, for example { to: ["jane@example.com"] }']],
  ["no addresses", {}, ['email.to: must be a list of email addresses, for example ["jane@example.com"]']],
  ["an empty list", { to: [] }, ["email.to: must contain at least one email address"]],
  ["a string as the list", { to: "jane@example.com" }, [expect.stringMatching(/^email\.to: must be a list of email/)]],
  ["an address without a domain", { to: ["nobody"] }, [`email.to[0]: ${invalid}`]],
  ["a number as an address", { to: ["jane@example.com", 7] }, [`email.to[1]: ${invalid}`]],
  ["an address of null", { to: [null] }, [`email.to[0]: ${invalid}`]],
  [
    "an address twice",
    { to: ["a@example.com", "b@example.com", "A@Example.com"] },
    ["email.to[2]: is the same address as [0]"],
  ],
  [
    "invalid copies",
    { to: ["a@example.com"], cc: ["x"], bcc: [" "] },
    [`email.cc[0]: ${invalid}`, `email.bcc[0]: ${invalid}`],
  ],
  ["an empty template", { to: ["a@example.com"], template: " " }, ["email.template: must not be empty"]],
  ["a template that is a number", { to: ["a@example.com"], template: 7 }, ["email.template: must be a string"]],
  ["a misspelled property", { to: ["a@example.com"], ccs: [] }, ["email.ccs: unknown property. Did you mean cc?"]],
])("rejects %s by path, without its value", async (_name, email, reasons) => {
  expect(await getReasons(email)).toEqual(reasons);
  const inBatch = reasons.map((reason) =>
    typeof reason === "string" ? `invitations["ada@example.com"].${reason}` : expect.stringContaining("].email.to: "),
  );
  expect(await getBatchReasons(email)).toEqual(inBatch);
});

test.each([
  "jane",
  "jane@",
  "@example.com",
  "jane@example",
  "jane doe@example.com",
  "jane@exa mple.com",
  "Jane <jane@example.com>",
  "a@example.com,b@example.com",
  "a@example.com;b@example.com",
  "a@b@example.com",
  ".jane@example.com",
  "jane.@example.com",
  "ja..ne@example.com",
  "jane@example..com",
  "jane@-example.com",
  "jane@example-.com",
  "jane@example.com\n",
  "jane@example.com\r\nBcc: eve@example.com",
  "jane@[127.0.0.1]",
  "mailto:jane@example.com",
  "jane\u0000@example.com",
  "jane\u202e@example.com",
  "\ud800@example.com",
  `${"a".repeat(65)}@example.com`,
  `a@${"a".repeat(64)}.com`,
  `a@${"abcdefghij.".repeat(30)}com`,
])("rejects the address %j", async (address) => {
  expect(await getReasons({ to: [address] })).toEqual([`email.to[0]: ${invalid}`]);
});

test.each([
  "jane@example.com",
  "JANE@EXAMPLE.COM",
  "jane+invite@example.co.uk",
  "o'brien@example.com",
  "user#1&co@example.com",
  "1@1.de",
  "jane@localhost",
  "jürgen@bücher.example",
  "用户@例子.公司",
  "jane@xn--bcher-kva.example",
  `${"a".repeat(64)}@example.com`,
])("accepts the address %j", async (address) => {
  expect(await getReasons({ to: [address], cc: [address], bcc: [address], template: "email/welcome.html" })).toEqual(
    [],
  );
});

test("accepts generated addresses", async () => {
  await fc.assert(
    fc.asyncProperty(fc.emailAddress(), async (address) => {
      expect(await getReasons({ to: [address] })).toEqual([]);
    }),
    runs(100),
  );
});

test("takes no longer for hostile addresses", async () => {
  const start = performance.now();
  for (const part of ["a.", "a-", "!", "ä.", "@", "a@"]) await getReasons({ to: [part.repeat(50_000)] });
  expect(performance.now() - start).toBeLessThan(2000);
});

test("requires a flow, because there is no link without one", async () => {
  const reason = "email: requires flow, because an invitation without a flow has no link to send";
  const email = { to: ["jane@example.com"] };
  expect(await getReasons(email, {})).toEqual([reason]);
  expect(await getReasons(email, { flow: unknownValue })).toEqual([]);
  expect(await getBatchReasons(email, {}, { flow: undefined })).toEqual([`invitations["ada@example.com"].${reason}`]);
  expect(await getBatchReasons(email, { flow: "staff" }, { flow: undefined })).toEqual([]);
});

test("accepts unknown values at any depth", async () => {
  for (const email of [
    unknownValue,
    { to: unknownValue },
    { to: [unknownValue, unknownValue, "jane@example.com"] },
    { to: ["jane@example.com"], cc: unknownValue, template: unknownValue },
  ]) {
    expect(await getReasons(email)).toEqual([]);
    expect(await getBatchReasons(email)).toEqual([]);
  }
});

test("omits properties that are null", async () => {
  const email = { to: ["jane@example.com"], cc: null, template: null };
  const { inputs } = await checkInvitation(invitationInputs({ flow: "staff", email }));
  expect(inputs["email"]).toEqual({ to: ["jane@example.com"] });
  expect((await checkInvitation(invitationInputs({ email: null }))).inputs).not.toHaveProperty("email");
});

test("has no email for a batch as a whole", async () => {
  const { failures = [] } = await batchProvider.check({}, batchInputs({}, { email: { to: ["jane@example.com"] } }));
  expect(failures.map(({ reason }) => reason)).toEqual([expect.stringMatching(/^email: unknown property/)]);
});
