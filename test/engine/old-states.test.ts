import { createHash, randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { Authentik } from "../../sandbox";
import { setUpFixture } from "./fixture";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(240_000);

/**
 * A resource as an earlier version wrote it into a state. `{ "secret": … }` is a secret. `<pk of jane>` is the pk of an object on the server,
 * and `<id of jane>` the hash of a pk.
 */
interface StoredResource {
  readonly name: string;
  readonly type: "Flow" | "InvitationStage" | "FlowStageBinding" | "Invitation" | "InvitationBatch";
  readonly id: string;
  readonly inputs: Record<string, unknown>;
  readonly outputs: Record<string, unknown>;
}

const flowsPath = "/api/v3/flows/instances/";
const flow = "default-source-enrollment";
const stack = "urn:pulumi:test::test::pulumi:pulumi:Stack::test-test";

/** The first version of each resource: commits a05d61c (invitations), d4b1079 (flows, stages and bindings) and f9b941d (batches). */
const first = `
  const flow = new authentik.Flow("staff", { title: " Welcome ", designation: "enrollment" });
  const stage = new authentik.InvitationStage("invitation");
  new authentik.FlowStageBinding("by-id", { target: flow.id, stage: stage.id, order: 0 });
  new authentik.FlowStageBinding("by-slug", { target: "staff", stage: stage.id, order: 1 }, { dependsOn: flow });
  new authentik.Invitation("jane", { flow: "${flow}", validFor: "14d", singleUse: true, fixedData: { email: "jane@example.com" } });
  new authentik.Invitation("team", { name: " team ", flow: "<pk of ${flow}>", expires: "2036-01-01T00:00:00+02:00",
    fixedData: pulumi.secret({ z: 1 }) });
  new authentik.Invitation("any-flow", { expires: "9999-12-31T23:59:59Z" });
  new authentik.Invitation("past", { expires: "2026-01-01T00:00:00Z" });
  new authentik.Invitation("lead", { flow: flow.id, validFor: "14d", keepers: { a: "1" }, onRetired: "reissue" });
  new authentik.InvitationBatch("guests", { flow: "${flow}", validFor: "14d", fixedData: { role: "x" },
    invitations: { joe: {}, ann: { name: "ann", expires: "2036-01-01T00:00:00Z", fixedData: pulumi.secret({ email: "ann@example.com" }) } } });`;

/** The last version before links became outputs: commit b4e1b37. */
const previous = `
  const flow = new authentik.Flow("staff", { title: " Welcome ", designation: "enrollment" });
  const stage = new authentik.InvitationStage("invitation");
  new authentik.FlowStageBinding("by-id", { target: flow.id, stage: stage.id, order: 0 });
  new authentik.Invitation("jane", { flow: flow.id, validFor: "14d", singleUse: true, fixedData: pulumi.secret({ email: "jane@example.com" }) });
  new authentik.InvitationBatch("guests", { flow: flow.id, validFor: "14d",
    invitations: { joe: {}, ann: { name: "ann", expires: "2036-01-01T00:00:00Z", fixedData: pulumi.secret({ email: "ann@example.com" }) } } });`;

/** The outputs that later versions added or removed. */
const changedOutputs = ["flowSet", "component", "verboseName", "verboseNamePlural", "metaModelName"].concat(
  ["exportUrl", "stages", "policies"],
  ["link", "links"],
);

const fixture = setUpFixture();

describe.each([
  ["first", first, [...changedOutputs, "retiredAt"]],
  ["previous", previous, changedOutputs],
])("a state of the %s version", (version, program, changed) => {
  beforeEach(async () => {
    const { server, project } = fixture;
    const lines = await readFile(join(__dirname, "..", "recordings", `states-${version}.jsonl`), "utf8");
    const states = lines.trimEnd().split("\n");
    const { resources, fill } = await createObjects(
      server,
      states.map((line) => JSON.parse(line) as StoredResource),
    );
    await project.write(fill(program));
    const file = join(project.folder, "state.json");
    // The stack's own key, with which Pulumi encrypts the secrets.
    const settings = await readFile(join(project.folder, "Pulumi.test.yaml"), "utf8");
    const { secretsprovider: url, encryptedkey } = parse(settings) as Record<string, unknown>;
    const deployment = {
      secrets_providers: { type: "cloud", state: { url, encryptedkey } },
      resources: toDeployment(resources, server),
    };
    await writeFile(file, JSON.stringify({ version: 3, deployment }));
    await project.succeed("stack", "import", "--file", file);
    await rm(file);
    requestsOf(server);
  });

  test("has no changes, and only the first refresh shows the outputs that are different now", async () => {
    const { server, project } = fixture;
    expect(await project.expectNoChanges("--diff")).toMatch(/\d+ unchanged/);
    await project.up("--expect-no-changes");
    expect(requestsOf(server)).toEqual([]);
    expect(new Set(await refreshedProperties())).toEqual(new Set(changed));
    await project.up("--refresh", "--expect-no-changes");
    expect(await refreshedProperties()).toEqual([]);
    await project.destroy();
    await expectNothingLeft();
  });

  test("is destroyed, and leaves nothing on the server", async () => {
    await fixture.project.destroy();
    await expectNothingLeft();
  });
});

/** The names of the properties that a refresh shows. */
async function refreshedProperties(): Promise<string[]> {
  const output = await fixture.project.expectNoChanges("--refresh", "--diff");
  expect(output).not.toContain("outside Pulumi");
  return [...output.matchAll(/^ {6}[~+-] (\w+) *:/gm)].map(([, name]) => name ?? "");
}

async function expectNothingLeft(): Promise<void> {
  const { server, project } = fixture;
  expect((await project.state()).size).toBe(0);
  expect(await invitations(server)).toEqual([]);
  expect((await server.request("GET", stagesPath)).body).toMatchObject({ results: [] });
  expect((await server.request("GET", `${flowsPath}?slug=staff`)).body).toMatchObject({ results: [] });
}

/** Creates the objects of a state. Returns the state with their pks. */
async function createObjects(
  server: Authentik,
  stored: readonly StoredResource[],
): Promise<{ resources: StoredResource[]; fill: (content: string) => string }> {
  const issued = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000);
  const expires = new Date(issued.getTime() + 14 * 86_400_000);
  const values = new Map([
    ["<issued>", formatInstant(issued)],
    ["<expires>", formatInstant(expires)],
  ]);
  const fill = (content: string): string =>
    content.replaceAll(/<(issued|expires|(pk|id) of [^>]+)>/g, (placeholder) => values.get(placeholder) ?? placeholder);
  const setPk = (name: string, body: unknown): void => {
    const { pk } = body as { pk: string };
    values.set(`<pk of ${name}>`, pk);
    values.set(`<id of ${name}>`, createHash("sha256").update(pk).digest("hex").slice(0, 16));
  };
  const existing = await server.request("GET", `${flowsPath}?slug=${flow}`);
  setPk(flow, (existing.body as { results: unknown[] }).results[0]);
  const resources: StoredResource[] = [];
  for (const resource of stored) {
    for (const [name, path, fields] of toObjects(JSON.parse(fill(JSON.stringify(resource))) as StoredResource)) {
      const { status, body } = await server.request("POST", path, fields);
      expect([path, status]).toEqual([path, 201]);
      setPk(name, body);
    }
    resources.push(JSON.parse(fill(JSON.stringify(resource))) as StoredResource);
  }
  return { resources, fill };

  function toObjects({ name, type, ...properties }: StoredResource): [name: string, path: string, fields: object][] {
    const { pks, ...outputs } = reveal(properties.outputs) as Record<string, string | undefined>;
    const inputs = reveal(properties.inputs) as Record<string, string | undefined>;
    const { title, slug, designation, target, stage, order } = inputs;
    const { fixedData: fixed_data, singleUse: single_use, flowPk } = outputs;
    switch (type) {
      case "Flow":
        return [[name, flowsPath, { name: inputs.name, slug, title, designation }]];
      case "InvitationStage":
        return [[name, stagesPath, { name: inputs.name }]];
      case "FlowStageBinding":
        return [[name, "/api/v3/flows/bindings/", { target: outputs.targetPk ?? target, stage, order }]];
      case "Invitation":
        return [
          [
            name,
            invitationsPath,
            { name: inputs.name?.trim(), expires: outputs.expires, fixed_data, single_use, flow: flowPk },
          ],
        ];
      case "InvitationBatch":
        return Object.entries(inputs.invitations as unknown as Record<string, Record<string, object>>).map(
          ([key, entry]) => [
            `${name}-${key}`,
            invitationsPath,
            {
              name: `${name}-${key}`,
              expires: formatInstant(expires),
              flow: (outputs.__common as unknown as { flowPk: string }).flowPk,
              ...entry,
              fixed_data: { ...(fixed_data as unknown as object), ...entry.fixedData },
            },
          ],
        );
    }
  }
}

function formatInstant(instant: Date): string {
  return instant.toISOString().replace(".000", "");
}

/** Replaces each object that has only the key `secret`. */
function mapSecrets(value: unknown, map: (secret: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapSecrets(item, map));
  if (typeof value !== "object" || value === null) return value;
  if ("secret" in value) return map(value.secret);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapSecrets(item, map)]));
}

function reveal(value: unknown): unknown {
  return mapSecrets(value, (secret) => secret);
}

function toDeployment(resources: readonly StoredResource[], server: Authentik): object[] {
  const provider = "urn:pulumi:test::test::pulumi:providers:pulumi-nodejs::default";
  const providerId = randomUUID();
  const encodeSecrets = (value: unknown): unknown =>
    mapSecrets(value, (secret) => ({
      "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
      plaintext: JSON.stringify(secret),
    }));
  const settings = encodeSecrets({ "authentik:url": server.url, "authentik:token": { secret: server.token } });
  return [
    { urn: stack, type: "pulumi:pulumi:Stack", custom: false },
    {
      urn: provider,
      type: "pulumi:providers:pulumi-nodejs",
      custom: true,
      id: providerId,
      inputs: settings,
      outputs: settings,
    },
    ...resources.map(({ name, type, inputs, outputs, ...others }) => ({
      ...others,
      urn: `urn:pulumi:test::test::pulumi-nodejs:dynamic/authentik:${type}::${name}`,
      type: `pulumi-nodejs:dynamic/authentik:${type}`,
      custom: true,
      inputs: encodeSecrets(inputs),
      outputs: encodeSecrets(outputs),
      parent: stack,
      provider: `${provider}::${providerId}`,
    })),
  ];
}
