import * as pulumi from "@pulumi/pulumi";
import { Flow, FlowStageBinding, Invitation, type InvitationArgs, InvitationStage } from "../../provider";
import { createTag, parseOrigin } from "../../provider/common/origin";
import { findSecretInputs } from "../../provider/program/secret-inputs";
import { type RegisteredResource, resolveOutput, startProgram } from "./support/program";
import { pk, stagePk } from "./support/response-bodies";
import { secret } from "./support/secrets";

let registered: readonly RegisteredResource[];
/** The outputs that the mocked provider returns in addition to the inputs. */
let mockedOutputs: Record<string, unknown> = {};

const specialSignatureKey = "4dabf18193072939515e22adb298388d";

/** Returns the value of a secret in the form in which it is sent to the engine. */
function unwrapSecret(value: unknown): unknown {
  expect(value).toMatchObject({ [specialSignatureKey]: expect.any(String) });
  return (value as { value: unknown }).value;
}

beforeEach(async () => {
  mockedOutputs = { pk, flowSlug: "enrollment" };
  pulumi.runtime.setAllConfig({ "authentik:url": "https://authentik.test/sso/api/v3/" });
  registered = await startProgram({ outputs: () => mockedOutputs });
});

/** Registers an invitation with these arguments, and returns its inputs. */
async function registerInvitation(
  args: InvitationArgs,
  opts?: pulumi.CustomResourceOptions,
): Promise<Record<string, unknown>> {
  await resolveOutput(new Invitation("jane", args, opts).urn);
  return registered[0]?.inputs ?? {};
}

test.each([
  ["Invitation", () => new Invitation("jane", { validFor: "14d" }), { validFor: "14d" }],
  ["InvitationStage", () => new InvitationStage("jane"), {}],
] as const)(
  "%s is registered with its type token, its name, its origin and the constant provider source",
  async (type, create, inputs) => {
    await resolveOutput(create().urn);
    const hidden = {
      __origin: expect.stringMatching(/^stack\/[0-9a-f]{10}\/[0-9a-f]{12}$/),
      __provider: expect.stringMatching(`^exports\\.handler=.*\\.${type}$`),
    };
    expect(registered).toEqual([
      {
        type: `pulumi-nodejs:dynamic/authentik:${type}`,
        name: "jane",
        id: "",
        inputs: { name: "jane", ...inputs, ...hidden },
      },
    ]);
  },
);

describe("Invitation", () => {
  test("has an origin with the tag of its URN, also below a parent, and another nonce in each run", async () => {
    const parent = new pulumi.ComponentResource("test:Parent", "parent");
    const urns = [
      "urn:pulumi:stack::project::pulumi-nodejs:dynamic/authentik:Invitation::jane",
      "urn:pulumi:stack::project::test:Parent$pulumi-nodejs:dynamic/authentik:Invitation::jane",
    ];
    for (const opts of [undefined, undefined, { parent }]) {
      await resolveOutput(new Invitation("jane", { validFor: "14d" }, opts).urn);
    }
    const origins = registered
      .filter(({ type }) => type.endsWith(":Invitation"))
      .map(({ inputs }) => parseOrigin(inputs["__origin"]));
    expect(origins.map((origin) => origin?.stack)).toEqual(["stack", "stack", "stack"]);
    expect(origins.map((origin) => origin?.tag)).toEqual([0, 0, 1].map((index) => createTag(urns[index] ?? "")));
    expect(new Set(origins.map((origin) => origin?.nonce)).size).toBe(3);
  });

  test("has an unknown origin at preview, so that the nonce does not contradict a saved plan", async () => {
    registered = await startProgram({ preview: true });
    expect(await registerInvitation({ validFor: "14d" })).toMatchObject({ __origin: { __pulumiUnknown: true } });
  });

  test.each(["other", pulumi.output("other")])("may have another name than its logical name", async (name) => {
    expect(await registerInvitation({ validFor: "14d", name })).toMatchObject({ name: "other" });
  });

  test("passes the option import as a secret input, because a pk is a secret", async () => {
    const inputs = await registerInvitation({ validFor: "14d" }, { import: pk });
    expect(unwrapSecret(inputs["import"])).toBe(pk);
  });

  test("is reported before it expires, without its expiry if that is a secret", async () => {
    const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
    const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
    const outputs = { status: "pending", issuedAt: inHours(-1000), fixedData: {}, singleUse: true };
    const expires = inHours(5);
    for (const [stored, when] of [
      [expires, `, on ${expires}`],
      [secret(expires), ""],
    ]) {
      mockedOutputs = { ...outputs, expires: stored };
      warn.mockClear();
      await resolveOutput(new Invitation("jane", { expires }).urn);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(warn.mock.calls.map(([message]) => message)).toEqual([`the invitation expires within a day${when}`]);
    }
    warn.mockClear();
  });

  const url = { "authentik:url": "https://a.test/sso/api/v3/", "staging:url": "https://b.test/" };

  test.each([
    ["the URL of the default connection", url, undefined, "https://a.test/sso"],
    ["the URL of its connection", url, "staging", "https://b.test"],
    ["the URL in the environment for the default connection", {}, undefined, "https://env.test"],
    ["no URL in the environment for another connection", {}, "staging", undefined],
  ])("has a secret link with %s", async (_case, config, connection, base) => {
    pulumi.runtime.setAllConfig({ ...config });
    process.env["AUTHENTIK_URL"] = "https://env.test/";
    const { link } = new Invitation("jane", { validFor: "14d", flow: "enrollment", connection });
    expect(await resolveOutput(link)).toBe(base && `${base}/if/flow/enrollment/?itoken=${pk}`);
    expect(await pulumi.isSecret(link)).toBe(true);
    delete process.env["AUTHENTIK_URL"];
  });

  test("has no link without a flow", async () => {
    mockedOutputs = { pk };
    expect(await resolveOutput(new Invitation("jane", { validFor: "14d" }).link)).toBeUndefined();
  });

  test("resolves all outputs even if the provider returns only some", async () => {
    mockedOutputs = { pk, status: "pending", issuedAt: "2026-11-23T00:00:00Z" };
    const invitation = new Invitation("jane", { validFor: "14d" });
    expect(await resolveOutput(invitation.status)).toBe("pending");
    expect(await resolveOutput(invitation.createdBy)).toBeUndefined();
    expect(await resolveOutput(invitation.flowSlug)).toBeUndefined();
  });
});

describe.each([
  ["Flow", Flow],
  ["FlowStageBinding", FlowStageBinding],
  ["Invitation", Invitation],
  ["InvitationStage", InvitationStage],
] as const)("%s.get", (resource, { get: typedGet }) => {
  // As a program in JavaScript can call it.
  const get = typedGet as (name: string, id: unknown, state?: object, opts?: object) => pulumi.Resource;

  test("takes the connection from the state, and resource options after it", async () => {
    const parent = new pulumi.ComponentResource("test:Parent", "parent");
    const read = get("existing", stagePk, { connection: "staging" }, { parent });
    expect(await resolveOutput(read.urn)).toContain("test:Parent$");
    expect(registered.at(-1)).toMatchObject({ name: "existing", inputs: { connection: "staging" } });
  });

  test.each<[string, unknown, object | undefined, string]>([
    ["a missing id, which would create the object", undefined, undefined, "id is required."],
    ["an empty id", "", undefined, "id is required."],
    [
      "options instead of the state",
      stagePk,
      { protect: true },
      "unknown property protect of state. The properties are connection. Resource options are the fourth argument.",
    ],
  ])("rejects %s", (_case, id, state, message) => {
    expect(() => get("existing", id, state)).toThrow(`${resource}.get: ${message}`);
    expect(registered).toEqual([]);
  });
});

// The warnings themselves are proven by test/engine/failures.test.ts.
test.each([
  ["a URL with https", { "quiet-https:url": "https://authentik.example.com" }],
  ["a URL of this machine", { "quiet-local:url": "http://localhost:9000" }],
  ["an invalid URL", { "quiet-invalid:url": "authentik" }],
  ["a secret token", { "quiet-token:url": "https://a.test", "quiet-token:token": "t0ken" }],
])("%s is no warning", async (_case, settings) => {
  const warn = jest.spyOn(pulumi.log, "warn").mockClear().mockResolvedValue();
  const [connection = ""] = Object.keys(settings)[0]?.split(":") ?? [];
  const secretKeys = [`${connection}:token`];
  process.env["PULUMI_CONFIG_SECRET_KEYS"] = JSON.stringify(secretKeys);
  pulumi.runtime.setAllConfig({ ...settings }, secretKeys);
  await resolveOutput(new Invitation("a", { validFor: "14d", connection }).urn);
  await new Promise((resolve) => setImmediate(resolve));
  expect(warn).not.toHaveBeenCalled();
  delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
});

describe("a value that Pulumi would lose is an error with its path, before anything is registered", () => {
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic["self"] = cyclic;
  let deep: unknown = 1;
  for (let level = 0; level < 5000; level++) deep = { a: deep };
  const json = (type: string): string =>
    `must be JSON: Pulumi does not pass on a ${type}. Convert it to a string, a number, a list or an object`;

  test.each<[string, InvitationArgs, string]>([
    ["a date", { fixedData: { a: { start: new Date() } } }, `fixedData.a.start: ${json("Date")}`],
    ["a set", { fixedData: { roles: new Set(["admin"]) } }, `fixedData.roles: ${json("Set")}`],
    ["a date among keepers", { keepers: { rotated: new Date() } }, `keepers.rotated: ${json("Date")}`],
    ["a buffer", { fixedData: { a: [Buffer.from("a")] } }, `fixedData.a["0"]: ${json("Uint8Array")}`],
    ["a bigint", { fixedData: { a: 10n } }, `fixedData.a: ${json("BigInt")}`],
    ["a function", { fixedData: { a: () => 1 } }, `fixedData.a: ${json("Function")}`],
    [
      "half of an emoji",
      { fixedData: { a: "x😀".slice(0, 2) } },
      "fixedData.a: must not contain an unpaired surrogate",
    ],
    ["a cycle", { fixedData: cyclic }, "fixedData.self: must not contain itself"],
    ["5,000 levels", { fixedData: { deep } }, "fixedData: must not be nested more than 200 levels deep"],
  ])("%s", (_, args, message) => {
    const create = () => new Invitation("jane", { validFor: "14d", ...args });
    expect(create).toThrow(pulumi.RunError);
    expect(create).toThrow(`Invitation "jane": ${message}`);
    expect(registered).toEqual([]);
  });

  test("also in a promise. The same object twice, and an instance of a class, are none", async () => {
    const later = { fixedData: Promise.resolve({ start: new Date() }) };
    await expect(findSecretInputs(later, "x")).rejects.toThrow(`x: fixedData.start: ${json("Date")}`);
    class Person {
      email = "jane@example.com";
    }
    const shared = { a: 1 };
    const fixedData = { first: shared, second: shared, person: new Person() };
    expect((await registerInvitation({ validFor: "14d", fixedData })).fixedData).toEqual({
      first: shared,
      second: shared,
      person: { email: "jane@example.com" },
    });
  });
});
