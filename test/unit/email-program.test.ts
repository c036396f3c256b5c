import * as pulumi from "@pulumi/pulumi";
import { Invitation, InvitationBatch, type InvitationBatchArgs, InvitationStage } from "../../provider";
import { type RegisteredResource, startProgram } from "./support/program";
import { pk } from "./support/response-bodies";

const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();

let registered: readonly RegisteredResource[];

/** Runs a program, and returns the warnings that it logged. */
async function run(
  program: () => unknown,
  url: string,
  { preview = true, config = {} as Record<string, string> } = {},
): Promise<unknown[]> {
  warn.mockClear();
  registered = await startProgram({ outputs: () => ({ pk }), preview });
  pulumi.runtime.setAllConfig({ "authentik:url": url, "proxied:url": url, "batch:url": url, ...config });
  program();
  // Registrations settle over several turns of the event loop.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  return warn.mock.calls.map(([message]) => message);
}

const email = { to: ["jane@example.com"] };
const args = { flow: "staff", validFor: "14d" };

describe("the warning about links that invitees cannot open", () => {
  test("is logged at preview only, once for all resources", async () => {
    const program = (): void => {
      for (const name of ["jane", "sam"]) new Invitation(name, { ...args, email });
      new InvitationBatch("team", { ...args, invitations: { ada: { email } } });
    };
    const url = "http://localhost:9000";
    expect(await run(program, url, { preview: false })).toEqual([]);
    expect(await run(() => new Invitation("jane", args), url)).toEqual([]);
    expect(await run(() => new InvitationBatch("team", { ...args, invitations: { ada: {} } }), url)).toEqual([]);
    expect(await run(program, url)).toEqual([
      "authentik:url is http://localhost:9000, so links to invitations have the host localhost:9000, which invitees may not be able to open. Set authentik:publicUrl to the URL under which invitees reach authentik.",
    ]);
    expect(await run(program, url)).toEqual([]);
  });

  test("is logged for links that the program uses, and not with a public URL", async () => {
    const config = {
      "internal:url": "https://10.0.0.5",
      "public:url": "https://10.0.0.5",
      "public:publicUrl": "https://id.example.com",
    };
    const links = (connection: string) => (): unknown => [
      new Invitation("jane", { ...args, connection }).link,
      new InvitationBatch("team", { ...args, connection, invitations: { ada: { email } } }).links,
    ];
    const warning =
      "internal:url is https://10.0.0.5, so links to invitations have the host 10.0.0.5, which invitees may not be able to open. Set internal:publicUrl to the URL under which invitees reach authentik.";
    expect(await run(links("internal"), "", { config })).toEqual([warning]);
    expect(await run(links("public"), "", { config })).toEqual([]);
  });

  test("is logged for entries that are an output, and for a URL with a path", async () => {
    const invitations = pulumi.output({ ada: { email }, bob: {} });
    const program = (): unknown => new InvitationBatch("team", { ...args, connection: "batch", invitations });
    expect(await run(program, "https://authentik")).toEqual([
      expect.stringContaining("have the host authentik, which"),
    ]);
    const proxied = (): unknown => new Invitation("jane", { ...args, connection: "proxied", email });
    expect(await run(proxied, "https://example.com/auth")).toEqual([
      "proxied:url has the path /auth, which authentik leaves out of the links in its emails. Send the output link instead of setting email.",
    ]);
  });
});

test("a connection that accepts any certificate is warned about as one that uses http", async () => {
  const declare = (connection: string) => (): unknown => new Invitation("jane", { ...args, connection });
  const settings = (name: string, insecure: string): Record<string, string> => ({
    [`${name}:url`]: "https://id.example.com",
    [`${name}:insecure`]: insecure,
  });
  expect(await run(declare("careful"), "", { config: settings("careful", "no") })).toEqual([]);
  expect(await run(declare("careless"), "", { config: settings("careless", " True") })).toEqual([
    "careless:insecure accepts any TLS certificate, so whoever can intercept the connection to id.example.com can read the token and the invitations. Set NODE_EXTRA_CA_CERTS to the certificate of its authority instead.",
  ]);
});

describe("the hidden input that names the inputs with secrets", () => {
  const url = "https://authentik.example.com";
  const address = pulumi.secret("jane@example.com");
  const code = pulumi.secret("c0de");
  const batch = (invitations: InvitationBatchArgs["invitations"], others: object = {}) =>
    new InvitationBatch("b", { ...args, ...others, invitations });

  const jane = (inputs: object) => (): unknown => new Invitation("jane", { ...args, ...inputs });
  const output = pulumi.output({}).apply(() => ({ a: { code } }));
  const secretCopy = { ...email, cc: [address] };

  test.each<[string, () => unknown, readonly string[] | undefined]>([
    ["plain addresses", jane({ email }), undefined],
    ["an output", jane({ email: pulumi.output(email) }), undefined],
    ["one secret address", jane({ email: { to: ["a@b.co", address] } }), ["email"]],
    ["a secret copy", jane({ email: secretCopy }), ["email"]],
    ["a secret object", jane({ email: pulumi.secret(email) }), ["email"]],
    ["secret data", jane({ fixedData: pulumi.secret({}) }), ["fixedData"]],
    ["a nested secret", jane({ fixedData: { a: [{ code }] } }), ["fixedData"]],
    ["a secret in an output's value", jane({ fixedData: output }), ["fixedData"]],
    ["a secret in a promise", jane({ keepers: Promise.resolve({ code }) }), ["keepers"]],
    ["several secrets", jane({ flow: code, name: code, email: { to: [address] } }), ["email", "flow", "name"]],
    ["plain entries", () => batch({ ada: { email } }), undefined],
    [
      "an entry with a secret address",
      () => batch({ ada: { email: { to: [address] } }, bob: {} }),
      ["invitations.email"],
    ],
    [
      "an entry with secret data",
      () => batch({ ada: { fixedData: { list: ["a", code] } } }),
      ["invitations.fixedData"],
    ],
    ["a secret entry", () => batch({ ada: pulumi.secret({ email }) }), ["invitations"]],
    ["secret entries", () => batch(pulumi.secret({ ada: { email } })), ["invitations"]],
    ["secret data of a batch", () => batch({ ada: {} }, { fixedData: { code } }), ["fixedData"]],
    ["the name of a stage", () => new InvitationStage("stage", { name: code }), ["name"]],
  ])("for %s", async (_name, program, names) => {
    await run(program, url);
    expect(registered).toHaveLength(1);
    expect(registered[0]?.inputs["__secretInputs"]).toEqual(names);
  });
});
