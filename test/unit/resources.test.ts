import "./support/environment";
import * as pulumi from "@pulumi/pulumi";
import { Invitation, type InvitationArgs, InvitationStage } from "../../provider";
import { invitationId } from "../../provider/common/pk";
import { pk, stagePk } from "./support/bodies";

interface Registered {
  readonly type: string;
  readonly name: string;
  readonly id: string | undefined;
  readonly inputs: Record<string, unknown>;
}

const registered: Registered[] = [];
/** What the provider is said to have added to the inputs. */
let added: Record<string, unknown> = {};

const secretMarker = "4dabf18193072939515e22adb298388d";

/** The value of a secret as it goes to the engine. */
function secretOf(value: unknown): unknown {
  expect(value).toMatchObject({ [secretMarker]: expect.any(String) });
  return (value as { value: unknown }).value;
}

function settled<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}

beforeEach(async () => {
  registered.length = 0;
  added = { pk, flowSlug: "enrollment" };
  pulumi.runtime.setAllConfig({ "authentik:url": "https://authentik.test/sso/api/v3/" });
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, id, inputs }) => {
      registered.push({ type, name, id, inputs });
      return { id: id || "0123456789abcdef", state: { ...inputs, ...added } };
    },
    call: () => ({}),
  });
});

/** What is sent to the engine for an invitation with these arguments. */
async function inputsOf(args: InvitationArgs, opts?: pulumi.CustomResourceOptions): Promise<Record<string, unknown>> {
  await settled(new Invitation("jane", args, opts).urn);
  return registered[0]?.inputs ?? {};
}

describe("an Invitation", () => {
  test("is registered under its token, with the constant provider", async () => {
    expect(await inputsOf({ validFor: "14d" })).toEqual({
      name: "jane",
      validFor: "14d",
      __provider: expect.stringMatching(/^exports\.handler=.*\.Invitation$/),
    });
    expect(registered).toEqual([
      expect.objectContaining({ type: "pulumi-nodejs:dynamic/authentik:Invitation", name: "jane" }),
    ]);
  });

  test.each([
    ["left out", undefined, "jane"],
    ["a text", "other", "other"],
    ["an output", pulumi.output("other"), "other"],
  ])("has its logical name where name is not given: %s", async (_what, name, expected) => {
    expect(await inputsOf({ validFor: "14d", name })).toMatchObject({ name: expected });
  });

  test("passes the option import on as a secret input, for a pk is one", async () => {
    const inputs = await inputsOf({ validFor: "14d" }, { import: pk });
    expect(secretOf(inputs["import"])).toBe(pk);
  });

  test("has a link of the address, the flow's slug and the pk, which is a secret", async () => {
    const { link } = new Invitation("jane", { validFor: "14d", flow: "enrollment" });
    expect(await settled(link)).toBe(`https://authentik.test/sso/if/flow/enrollment/?itoken=${pk}`);
    expect(await pulumi.isSecret(link)).toBe(true);
  });

  test("has a link of the connection that it names", async () => {
    pulumi.runtime.setAllConfig({ "authentik:url": "https://a.test", "staging:url": "https://b.test/" });
    const { link } = new Invitation("jane", { validFor: "14d", flow: "enrollment", connection: "staging" });
    expect(await settled(link)).toBe(`https://b.test/if/flow/enrollment/?itoken=${pk}`);
  });

  test("takes the link's address from the environment, only for the default connection", async () => {
    pulumi.runtime.setAllConfig({});
    process.env["AUTHENTIK_URL"] = "https://env.test/";
    const args = { validFor: "14d", flow: "enrollment" };
    expect(await settled(new Invitation("a", args).link)).toBe(`https://env.test/if/flow/enrollment/?itoken=${pk}`);
    expect(await settled(new Invitation("b", { ...args, connection: "staging" }).link)).toBeUndefined();
    delete process.env["AUTHENTIK_URL"];
  });

  test("has no link without a flow", async () => {
    added = { pk };
    expect(await settled(new Invitation("jane", { validFor: "14d" }).link)).toBeUndefined();
  });

  test("has all its outputs, though the provider gives only some", async () => {
    added = { pk, status: "pending", issuedAt: "2026-11-23T00:00:00Z" };
    const invitation = new Invitation("jane", { validFor: "14d" });
    expect(await settled(invitation.status)).toBe("pending");
    expect(await settled(invitation.createdBy)).toBeUndefined();
    expect(await settled(invitation.flowSlug)).toBeUndefined();
  });
});

describe("Invitation.get", () => {
  test("reads by the hash of the pk, in clear, and keeps the pk as a secret", async () => {
    const invitation = Invitation.get("jane", pulumi.secret(pk));
    expect(await settled(invitation.id)).toBe(invitationId(pk));
    expect(await pulumi.isSecret(invitation.id)).toBe(false);
    expect(registered).toEqual([
      expect.objectContaining({ type: "pulumi-nodejs:dynamic/authentik:Invitation", id: invitationId(pk) }),
    ]);
    expect(secretOf(registered[0]?.inputs["pk"])).toBe(pk);
  });
});

describe("an InvitationStage", () => {
  test("is registered under its token, with the constant provider", async () => {
    await settled(new InvitationStage("invitation").urn);
    expect(registered).toEqual([
      {
        type: "pulumi-nodejs:dynamic/authentik:InvitationStage",
        name: "invitation",
        id: "",
        inputs: { name: "invitation", __provider: expect.stringMatching(/\.InvitationStage$/) },
      },
    ]);
  });

  test("is read by its pk", async () => {
    const stage = InvitationStage.get("invitation", stagePk);
    expect(await settled(stage.id)).toBe(stagePk);
    expect(registered).toEqual([expect.objectContaining({ id: stagePk })]);
  });
});

describe("a warning", () => {
  const warn = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
  beforeEach(() => warn.mockClear());
  afterEach(() => {
    delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
  });

  /** The warnings of a program with two invitations of this connection; what was warned of is not repeated in a process. */
  async function warningsOf(
    connection: string,
    settings: Record<string, string>,
    secretKeys: string[],
  ): Promise<string[]> {
    pulumi.runtime.setAllConfig(settings, secretKeys);
    for (const name of ["a", "b"]) await settled(new Invitation(name, { validFor: "14d", connection }).urn);
    await new Promise((resolve) => setImmediate(resolve));
    return warn.mock.calls.map(([text]) => text);
  }

  test("is given once for plain http to another machine", async () => {
    const warnings = await warningsOf("plain", { "plain:url": "http://authentik.example.com:9000/sso" }, []);
    expect(warnings).toEqual([
      "plain:url is plain http to another machine (authentik.example.com:9000): the token and the invitations can be read on the way. Use https.",
    ]);
  });

  test.each([
    ["https", "https://authentik.example.com"],
    ["http to this machine", "http://localhost:9000"],
    ["no address at all", "authentik"],
  ])("is not given for %s", async (what, url) => {
    const name = `quiet-${what.replaceAll(" ", "-")}`;
    expect(await warningsOf(name, { [`${name}:url`]: url }, [])).toEqual([]);
  });

  test("is given for a token that is set in clear, without the token", async () => {
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = "[]";
    const warnings = await warningsOf("clear", { "clear:url": "https://a.test", "clear:token": "t0ken" }, []);
    expect(warnings).toEqual([
      "clear:token is set in clear, and so stands in the stack's settings and state: set it with `pulumi config set --secret clear:token …`.",
    ]);
  });

  test("is not given for a token that is set as a secret", async () => {
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = '["safe:token"]';
    const settings = { "safe:url": "https://a.test", "safe:token": "t0ken" };
    expect(await warningsOf("safe", settings, ["safe:token"])).toEqual([]);
  });
});
