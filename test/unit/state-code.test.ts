import type { State, StateResource } from "../../provider/commands/state";
import { findCode } from "../../provider/commands/state-code";
import { providerSource } from "../../provider/common/provider-source";
import { signatureKey } from "../../provider/common/reserved-strings";
import { secretSignature } from "../../provider/values/secrets";

jest.mock("../../package.json", () => ({
  ...jest.requireActual<object>("../../package.json"),
  repository: { url: "git+https://github.com/example/fork.git" },
}));

const type = "pulumi-nodejs:dynamic/authentik:Invitation";
const urn = `urn:pulumi:dev::team::${type}::jane`;
const providerType = "pulumi:providers:pulumi-nodejs";
const provider = `urn:pulumi:dev::team::${providerType}::default::0c3b`;
const source = providerSource("Invitation");
const foreign = "exports.handler=()=>({})";
const secret = (value: unknown) => ({ [signatureKey]: secretSignature, plaintext: JSON.stringify(value) });

const jane = (changes: Partial<StateResource> = {}): StateResource => ({
  urn,
  type,
  provider,
  inputs: { __provider: source },
  outputs: { __provider: source },
  ...changes,
});
const stateOf = (resources: StateResource[], pending: StateResource[] = []): State => ({
  deployment: { resources, pending_operations: pending.map((resource) => ({ resource, type: "creating" })) },
});
const find = async (...resources: StateResource[]) => await findCode(stateOf(resources), undefined);

test("accepts what this package writes, also secret, without outputs, and of a later version", async () => {
  const later = "pulumi-nodejs:dynamic/authentik:Brand";
  const laterSource = source.replace("Invitation", "Brand");
  expect(
    await find(
      jane(),
      jane({ inputs: { __provider: secret(source) }, outputs: secret({ __provider: source }) }),
      jane({ delete: true, outputs: undefined }),
      jane({ urn: urn.replace(type, `acme:Team$${type}`) }),
      jane({ urn: urn.replace(type, later), type: later, inputs: { __provider: laterSource }, outputs: {} }),
    ),
  ).toEqual({ rejected: [], unknown: [] });
});

const inInputs = (code: unknown, changes: Partial<StateResource> = {}): StateResource =>
  jane({ inputs: { __provider: code }, ...changes });
const unusual = (text: string): string => text.replace("Invitation", "x;evil()");

test.each<[string, StateResource, string]>([
  ["in the inputs", inInputs(foreign), "other source code in inputs"],
  ["in the outputs", jane({ outputs: { __provider: foreign } }), "other source code in outputs"],
  [
    "in both, as secrets",
    inInputs(secret(foreign), { outputs: { __provider: secret(foreign) } }),
    "other source code in inputs and outputs",
  ],
  ["in secret outputs", jane({ outputs: secret({ __provider: foreign }) }), "other source code in outputs"],
  ["after this package's", inInputs(`${source};evil()`), "other source code in inputs"],
  ["of another resource", inInputs(providerSource("Flow")), "other source code in inputs"],
  ["in a deleted resource", inInputs(foreign, { delete: true }), "other source code in inputs"],
  ["that is no text", inInputs([source]), "other source code in inputs"],
  [
    "in a resource of an unusual name",
    inInputs(unusual(source), { urn: unusual(urn), type: unusual(type) }),
    "other source code in inputs",
  ],
  [
    "behind another type",
    inInputs(foreign, { type: "pulumi-nodejs:dynamic:Resource" }),
    "its type is pulumi-nodejs:dynamic:Resource",
  ],
  [
    "by another provider",
    jane({ provider: provider.replace("pulumi-nodejs::", "command::") }),
    "its provider is urn:pulumi:dev::team::pulumi:providers:command::default",
  ],
])("rejects code %s", async (_, resource, message) => {
  const { rejected } = await find(jane(), resource);
  expect(rejected.filter((line) => line.includes(message))).toHaveLength(1);
  expect(rejected.join()).not.toMatch(/evil\(\)\b.*exports|exports\.handler/);
});

test("rejects code in a pending operation", async () => {
  const { rejected } = await findCode(stateOf([], [inInputs(foreign)]), undefined);
  expect(rejected).toEqual([`${urn}: other source code in inputs`]);
});

test.each(["inputs", "__internal"])("rejects a provider whose plugin comes from elsewhere, in %s", async (place) => {
  const url = { pluginDownloadURL: "https://other.example" };
  const inputs = place === "inputs" ? url : { __internal: secret(url) };
  const { rejected } = await find({ urn: provider.replace("::0c3b", ""), type: providerType, inputs });
  expect(rejected).toEqual([expect.stringContaining("would download its plugin from another server")]);
});

test("only reports the dynamic code of other packages", async () => {
  const other = urn.replace(type, "pulumi-nodejs:dynamic:Resource");
  const resource = { urn: other, type: "pulumi-nodejs:dynamic:Resource", outputs: { __provider: foreign } };
  expect(await find(resource)).toEqual({ rejected: [], unknown: [other] });
});

describe("the plugin", () => {
  const pluginType = "authentik-invitations:index:Invitation";
  const pluginUrn = urn.replace(type, pluginType);
  const pluginProviderType = "pulumi:providers:authentik-invitations";
  const pluginProvider = provider.replace(providerType, pluginProviderType);
  const ofPlugin = (changes: Partial<StateResource> = {}): StateResource =>
    jane({ urn: pluginUrn, type: pluginType, provider: pluginProvider, inputs: {}, outputs: {}, ...changes });
  const providerWith = (inputs: Record<string, unknown>, name = "default"): StateResource => ({
    urn: `urn:pulumi:dev::team::${pluginProviderType}::${name}`,
    type: pluginProviderType,
    inputs,
  });

  test("may have the source code of the dynamic resource that it took over, but no other", async () => {
    expect(await find(ofPlugin(), ofPlugin({ outputs: { __provider: source } }))).toEqual({
      rejected: [],
      unknown: [],
    });
    const { rejected } = await find(ofPlugin({ outputs: { __provider: foreign } }));
    expect(rejected).toEqual([`${pluginUrn}: other source code in outputs`]);
  });

  test("may be downloaded from the package's releases, but another server is reported", async () => {
    const withUrl = (pluginDownloadURL: string) =>
      providerWith({ version: "0.1.0", __internal: { pluginDownloadURL } });
    const releases = withUrl("github://api.github.com/example/fork");
    expect(await find(releases)).toEqual({ rejected: [], unknown: [] });
    const other = withUrl("https://other.example");
    const reported = [`${other.urn} (downloads its plugin from another server)`];
    expect(await find(releases, other)).toEqual({ rejected: [], unknown: reported });
    expect(await findCode(stateOf([], [other]), undefined)).toEqual({ rejected: [], unknown: reported });
  });

  test("manages its resources itself", async () => {
    const { rejected } = await find(ofPlugin({ provider, inputs: { __provider: source } }));
    expect(rejected).toEqual([
      expect.stringContaining("its provider is urn:pulumi:dev::team::pulumi:providers:pulumi"),
    ]);
  });

  test("must not send AUTHENTIK_TOKEN to a URL that only the state has, unless the program may have computed the URL", async () => {
    const { env } = process;
    process.env = { ...env, AUTHENTIK_URL: "https://authentik.example.com", AUTHENTIK_TOKEN: "t0ken" };
    try {
      const other = { url: "https://other.example" };
      const message = expect.stringContaining("its authentik-invitations:url is neither");
      const accepted = await find(providerWith({ url: "https://authentik.example.com/" }));
      expect(accepted).toEqual({ rejected: [], unknown: [] });
      expect(await find(providerWith(other))).toEqual({ rejected: [message], unknown: [] });
      for (const computed of [providerWith(other, "staging"), providerWith({ ...other, token: secret("x") })])
        expect(await find(computed)).toEqual({ rejected: [], unknown: [message] });
    } finally {
      process.env = env;
    }
  });
});
