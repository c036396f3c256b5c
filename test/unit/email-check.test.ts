import fc from "fast-check";
import { unknownValue } from "../../provider/common/reserved-strings";
import { runs, timeout } from "../hostile/runs";
import { batchInputs } from "./support/batch";
import { checkBatch, checkInvitation } from "./support/check";
import { invitationInputs } from "./support/invitation";
import { timeOf } from "./support/time";

jest.setTimeout(timeout);
// The check of a batch reports how many invitations a run creates.
jest.spyOn(console, "log").mockImplementation();

const entry = 'invitations["ada@example.com"].';

/** The reasons for which an invitation with this email is rejected, and those for an entry of a batch. */
async function getReasons(email: unknown): Promise<[string[], string[]]> {
  const { reasons } = await checkInvitation(invitationInputs({ email, flow: "staff" }));
  const batch = await checkBatch(batchInputs({ "ada@example.com": { email } }, { flow: "staff" }));
  return [reasons, batch.reasons];
}

const invalid = "must be an email address, for example jane@example.com";
const notAnObject = 'email: must be an object, for example { to: ["jane@example.com"] }';
const notAList = 'email.to: must be a list of email addresses, for example ["jane@example.com"]';
const to = ["a@example.com"];

test.each<[string, unknown, ...string[]]>([
  ["a string", "jane@example.com", notAnObject],
  ["a list", to, notAnObject],
  ["no addresses", {}, notAList],
  ["an empty list", { to: [] }, "email.to: must contain at least one email address"],
  ["a string as the list", { to: "jane@example.com" }, notAList],
  ["an address without a domain", { to: ["nobody"] }, `email.to[0]: ${invalid}`],
  ["a number as an address", { to: ["jane@example.com", 7] }, `email.to[1]: ${invalid}`],
  ["an address of null", { to: [null] }, `email.to[0]: ${invalid}`],
  ["an address twice", { to: [...to, "b@example.com", "A@Example.com"] }, "email.to[2]: is the same address as [0]"],
  ["invalid copies", { to, cc: ["x"], bcc: [" "] }, `email.cc[0]: ${invalid}`, `email.bcc[0]: ${invalid}`],
  ["an empty template", { to, template: " " }, "email.template: must not be empty"],
  ["a template that is a number", { to, template: 7 }, "email.template: must be a string"],
  ["a misspelled property", { to, ccs: [] }, "email.ccs: unknown property. Did you mean cc?"],
])("rejects %s by path, without its value", async (_name, email, ...reasons) => {
  expect(await getReasons(email)).toEqual([reasons, reasons.map((reason) => entry + reason)]);
});

test.each([
  ..."jane|jane@|@example.com|jane@example|jane doe@example.com|jane@exa mple.com|Jane <jane@example.com>".split("|"),
  ..."a@example.com,b@example.com|a@example.com;b@example.com|a@b@example.com|.jane@example.com".split("|"),
  ..."jane.@example.com|ja..ne@example.com|jane@example..com|jane@-example.com|jane@example-.com".split("|"),
  ..."jane@example.com\n|jane@example.com\r\nBcc: eve@example.com|jane@[127.0.0.1]|mailto:jane@example.com".split("|"),
  ..."jane\0@example.com|jane\u202e@example.com|\ud800@example.com".split("|"),
  `${"a".repeat(65)}@example.com`,
  `a@${"a".repeat(64)}.com`,
  `a@${"abcdefghij.".repeat(30)}com`,
])("rejects the address %j", async (address) => {
  expect((await getReasons({ to: [address] }))[0]).toEqual([`email.to[0]: ${invalid}`]);
});

test.each([
  ..."jane@example.com JANE@EXAMPLE.COM jane+invite@example.co.uk o'brien@example.com user#1&co@example.com".split(" "),
  ..."1@1.de jane@localhost jürgen@bücher.example 用户@例子.公司 jane@xn--bcher-kva.example".split(" "),
  `${"a".repeat(64)}@example.com`,
])("accepts the address %j", async (address) => {
  const email = { to: [address], cc: [address], bcc: [address], template: "email/welcome.html" };
  expect(await getReasons(email)).toEqual([[], []]);
});

test("accepts generated addresses", async () => {
  await fc.assert(
    fc.asyncProperty(fc.emailAddress(), async (address) => {
      expect(await getReasons({ to: [address] })).toEqual([[], []]);
    }),
    runs(100),
  );
});

test("takes no longer for hostile addresses", async () => {
  const timeOfAddress = (address: string): Promise<number> => timeOf(() => getReasons({ to: [address] }));
  const ordinary = await timeOfAddress(`${"a".repeat(100_000)}@example.com`);
  for (const part of ["a.", "a-", "!", "ä.", "@", "a@"]) {
    expect(await timeOfAddress(part.repeat(50_000))).toBeLessThan(20 * ordinary);
  }
});

test("requires a flow, because there is no link without one", async () => {
  const reason = "email: requires flow, because an invitation without a flow has no link to send";
  const email = { to };
  expect((await checkInvitation(invitationInputs({ email }))).reasons).toEqual([reason]);
  expect((await checkInvitation(invitationInputs({ email, flow: unknownValue }))).reasons).toEqual([]);
  expect((await checkBatch(batchInputs({ "ada@example.com": { email } }))).reasons).toEqual([entry + reason]);
  expect((await checkBatch(batchInputs({ ada: { email, flow: "staff" } }))).reasons).toEqual([]);
});

test.each([
  unknownValue,
  { to: unknownValue },
  { to: [unknownValue, unknownValue, "jane@example.com"] },
  { to, cc: unknownValue, template: unknownValue },
])("accepts unknown values at any depth: %j", async (email) => {
  expect(await getReasons(email)).toEqual([[], []]);
});

test("omits properties that are null", async () => {
  const { inputs } = await checkInvitation(
    invitationInputs({ flow: "staff", email: { to, cc: null, template: null } }),
  );
  expect(inputs["email"]).toEqual({ to });
  expect((await checkInvitation(invitationInputs({ email: null }))).inputs).not.toHaveProperty("email");
});

test("has no email for a batch as a whole", async () => {
  const { reasons } = await checkBatch(batchInputs({}, { email: { to } }));
  expect(reasons).toEqual([expect.stringMatching(/^email: unknown property/)]);
});
