import "./support/environment";
import * as pulumi from "@pulumi/pulumi";
import { Flow, FlowStageBinding, Invitation, type InvitationArgs, InvitationStage } from "../../provider";
import { createTag, parseOrigin } from "../../provider/common/origin";
import { invitationId } from "../../provider/common/pk";
import { pk, stagePk } from "./support/response-bodies";
import { secret } from "./support/secrets";

interface RegisteredResource {
  readonly type: string;
  readonly name: string;
  readonly id: string | undefined;
  readonly inputs: Record<string, unknown>;
}

const registered: RegisteredResource[] = [];
/** The outputs that the mocked provider returns in addition to the inputs. */
let mockedOutputs: Record<string, unknown> = {};

const specialSignatureKey = "4dabf18193072939515e22adb298388d";

/** Returns the value of a secret in the form in which it is sent to the engine. */
function unwrapSecret(value: unknown): unknown {
  expect(value).toMatchObject({ [specialSignatureKey]: expect.any(String) });
  return (value as { value: unknown }).value;
}

function resolveOutput<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}

beforeEach(async () => {
  registered.length = 0;
  mockedOutputs = { pk, flowSlug: "enrollment" };
  pulumi.runtime.setAllConfig({ "authentik:url": "https://authentik.test/sso/api/v3/" });
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, id, inputs }) => {
      registered.push({ type, name, id, inputs });
      return { id: id || "0123456789abcdef", state: { ...inputs, ...mockedOutputs } };
    },
    call: () => ({}),
  });
});

/** Registers an invitation with these arguments, and returns its inputs. */
async function registerInvitation(
  args: InvitationArgs,
  opts?: pulumi.CustomResourceOptions,
): Promise<Record<string, unknown>> {
  await resolveOutput(new Invitation("jane", args, opts).urn);
  return registered[0]?.inputs ?? {};
}

describe("Invitation", () => {
  test("is registered with its type token and the constant provider source", async () => {
    expect(await registerInvitation({ validFor: "14d" })).toEqual({
      name: "jane",
      validFor: "14d",
      __origin: expect.stringMatching(/^stack\/[0-9a-f]{10}\/[0-9a-f]{12}$/),
      __provider: expect.stringMatching(/^exports\.handler=.*\.Invitation$/),
    });
    expect(registered).toEqual([
      expect.objectContaining({ type: "pulumi-nodejs:dynamic/authentik:Invitation", name: "jane" }),
    ]);
  });

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
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, id, inputs }) => {
          registered.push({ type, name, id, inputs });
          return { id: "0123456789abcdef", state: inputs };
        },
        call: () => ({}),
      },
      "project",
      "stack",
      true,
    );
    expect(await registerInvitation({ validFor: "14d" })).toMatchObject({ __origin: { __pulumiUnknown: true } });
  });

  test.each([
    ["omitted", undefined, "jane"],
    ["a string", "other", "other"],
    ["an output", pulumi.output("other"), "other"],
  ])("defaults its name to its logical name: %s", async (_case, name, expected) => {
    expect(await registerInvitation({ validFor: "14d", name })).toMatchObject({ name: expected });
  });

  test("passes the option import as a secret input, because a pk is a secret", async () => {
    const inputs = await registerInvitation({ validFor: "14d" }, { import: pk });
    expect(unwrapSecret(inputs["import"])).toBe(pk);
  });

  test("has a secret link that consists of the URL, the flow's slug and the pk", async () => {
    const { link } = new Invitation("jane", { validFor: "14d", flow: "enrollment" });
    expect(await resolveOutput(link)).toBe(`https://authentik.test/sso/if/flow/enrollment/?itoken=${pk}`);
    expect(await pulumi.isSecret(link)).toBe(true);
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

  test("has a link with the URL of its connection", async () => {
    pulumi.runtime.setAllConfig({ "authentik:url": "https://a.test", "staging:url": "https://b.test/" });
    const { link } = new Invitation("jane", { validFor: "14d", flow: "enrollment", connection: "staging" });
    expect(await resolveOutput(link)).toBe(`https://b.test/if/flow/enrollment/?itoken=${pk}`);
  });

  test("reads the link's URL from the environment only for the default connection", async () => {
    pulumi.runtime.setAllConfig({});
    process.env["AUTHENTIK_URL"] = "https://env.test/";
    const args = { validFor: "14d", flow: "enrollment" };
    expect(await resolveOutput(new Invitation("a", args).link)).toBe(
      `https://env.test/if/flow/enrollment/?itoken=${pk}`,
    );
    expect(await resolveOutput(new Invitation("b", { ...args, connection: "staging" }).link)).toBeUndefined();
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

describe("Invitation.get", () => {
  test("uses the hash of the pk as the id, which is not secret, and keeps the pk secret", async () => {
    const invitation = Invitation.get("jane", pulumi.secret(pk));
    expect(await resolveOutput(invitation.id)).toBe(invitationId(pk));
    expect(await pulumi.isSecret(invitation.id)).toBe(false);
    expect(registered).toEqual([
      expect.objectContaining({ type: "pulumi-nodejs:dynamic/authentik:Invitation", id: invitationId(pk) }),
    ]);
    expect(unwrapSecret(registered[0]?.inputs["pk"])).toBe(pk);
  });
});

describe("InvitationStage", () => {
  test("is registered with its type token and the constant provider source", async () => {
    await resolveOutput(new InvitationStage("invitation").urn);
    expect(registered).toEqual([
      {
        type: "pulumi-nodejs:dynamic/authentik:InvitationStage",
        name: "invitation",
        id: "",
        inputs: {
          name: "invitation",
          __origin: expect.stringMatching(/^stack\/[0-9a-f]{10}\/[0-9a-f]{12}$/),
          __provider: expect.stringMatching(/\.InvitationStage$/),
        },
      },
    ]);
  });

  test("is read by its pk", async () => {
    const stage = InvitationStage.get("invitation", stagePk);
    expect(await resolveOutput(stage.id)).toBe(stagePk);
    expect(registered).toEqual([expect.objectContaining({ id: stagePk })]);
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

describe("a warning", () => {
  const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
  beforeEach(() => warn.mockClear());
  afterEach(() => {
    delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
  });

  /** Returns the warnings of a program with two invitations of this connection. Each connection is checked once per process. */
  async function getWarnings(
    connection: string,
    settings: Record<string, string>,
    secretKeys: string[],
  ): Promise<string[]> {
    pulumi.runtime.setAllConfig(settings, secretKeys);
    for (const name of ["a", "b"]) await resolveOutput(new Invitation(name, { validFor: "14d", connection }).urn);
    await new Promise((resolve) => setImmediate(resolve));
    return warn.mock.calls.map(([message]) => message);
  }

  test("is logged once for http to another machine", async () => {
    const warnings = await getWarnings("plain", { "plain:url": "http://authentik.example.com:9000/sso" }, []);
    expect(warnings).toEqual([
      "plain:url uses http to another machine (authentik.example.com:9000), which sends the token and the invitations unencrypted. Use https.",
    ]);
  });

  test.each([
    ["https", "https://authentik.example.com"],
    ["http to this machine", "http://localhost:9000"],
    ["an invalid URL", "authentik"],
  ])("is not logged for %s", async (description, url) => {
    const name = `quiet-${description.replaceAll(" ", "-")}`;
    expect(await getWarnings(name, { [`${name}:url`]: url }, [])).toEqual([]);
  });

  test("is logged for a token in plaintext, without the token", async () => {
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = "[]";
    const warnings = await getWarnings("clear", { "clear:url": "https://a.test", "clear:token": "t0ken" }, []);
    expect(warnings).toEqual([
      "clear:token is stored in plaintext in the stack's configuration and state. Set it with `pulumi config set --secret clear:token …`.",
    ]);
  });

  test("is not logged for a secret token", async () => {
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = '["safe:token"]';
    const settings = { "safe:url": "https://a.test", "safe:token": "t0ken" };
    expect(await getWarnings("safe", settings, ["safe:token"])).toEqual([]);
  });
});
