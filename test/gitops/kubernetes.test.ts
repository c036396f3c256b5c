import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { z } from "zod";
import { Authentik } from "../../sandbox";
import { readPermissions } from "./blueprint";
import { kit } from "./kit";
import { Pipeline } from "./pipeline";

jest.setTimeout(120_000);

const { version } = require("../../package.json") as { version: string };
const folder = join(kit, "kubernetes");

const metadata = z.strictObject({ name: z.string(), namespace: z.string().optional() });
const expression = z.unknown();
const secretRef = z.strictObject({
  type: z.literal("Secret"),
  secret: z.strictObject({ name: z.string(), key: z.string() }),
});

/** The fields of the custom resource definitions programs.pulumi.com and stacks.pulumi.com that the example uses, and similar ones. */
const documentSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    apiVersion: z.literal("pulumi.com/v1"),
    kind: z.literal("Program"),
    metadata,
    program: z.strictObject({
      resources: z.record(
        z.string(),
        z.strictObject({ type: z.string().min(1), properties: z.record(z.string(), expression).optional() }),
      ),
      variables: z.record(z.string(), expression).optional(),
      outputs: z.record(z.string(), expression).optional(),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal("pulumi.com/v1"),
    kind: z.literal("Stack"),
    metadata,
    spec: z.strictObject({
      serviceAccountName: z.string(),
      programRef: z.strictObject({ name: z.string() }),
      stack: z.string(),
      backend: z.string(),
      envRefs: z.record(z.string(), secretRef),
      refresh: z.boolean().optional(),
      continueResyncOnCommitMatch: z.boolean().optional(),
      resyncFrequencySeconds: z.int().min(60).optional(),
      workspaceTemplate: z.strictObject({ spec: z.strictObject({ image: z.string() }) }),
    }),
  }),
  z.strictObject({ apiVersion: z.literal("v1"), kind: z.literal("ServiceAccount"), metadata }),
  z.strictObject({
    apiVersion: z.literal("rbac.authorization.k8s.io/v1"),
    kind: z.literal("ClusterRoleBinding"),
    metadata,
    roleRef: z.strictObject({ apiGroup: z.string(), kind: z.string(), name: z.string() }),
    subjects: z.array(z.strictObject({ kind: z.string(), name: z.string(), namespace: z.string() })),
  }),
]);

const parse = (source: string) =>
  parseAllDocuments(source).map((document) => {
    for (const error of document.errors) throw error;
    return documentSchema.parse(document.toJS());
  });

const readExample = async (): Promise<string> => await readFile(join(folder, "invitations.yaml"), "utf8");

test("the example has only fields of the custom resource definitions, and its objects refer to each other", async () => {
  const source = await readExample();
  const [program, stack, account, binding, ...others] = parse(source);
  expect(others).toEqual([]);
  expect(stack).toMatchObject({ spec: { programRef: { name: program?.metadata.name } } });
  expect(stack).toMatchObject({ spec: { serviceAccountName: account?.metadata.name } });
  expect(binding).toMatchObject({ subjects: [{ kind: "ServiceAccount", ...account?.metadata }] });
  const namespaces = [program, stack, account].map((object) => object?.metadata.namespace);
  expect(new Set(namespaces).size).toBe(1);
  // What the comment proposes is valid as well.
  expect(parse(source.replaceAll(/^( {2})# (refresh|continue\w+|resync\w+):/gm, "$1$2:"))[1]).toMatchObject({
    spec: { refresh: true, continueResyncOnCommitMatch: true, resyncFrequencySeconds: 3600 },
  });
  expect(() => parse(source.replace("programRef:", "programref:"))).toThrow("programref");
});

test("the image has the package's version and the pipelines' Pulumi", async () => {
  const dockerfile = await readFile(join(folder, "Dockerfile"), "utf8");
  const pipeline = await readFile(join(kit, "gitea", "pulumi.yml"), "utf8");
  const [, pulumi] = /pulumi\/pulumi:([\d.]+)/.exec(pipeline) ?? [];
  expect(dockerfile).toContain(`FROM pulumi/pulumi:${pulumi}-nonroot\n`);
  expect(dockerfile).toContain(` pulumi-authentik-invitations@${version}\n`);
  expect(await readExample()).toContain(`/pulumi-authentik-invitations:${version} }`);
});

test("the program creates and emails its invitations with the account for pulumi up, and its outputs contain no link", async () => {
  const server = await Authentik.start({ version: "2026.5" });
  const [program] = parse(await readExample());
  if (program?.kind !== "Program") throw new Error("The first object is not a Program.");
  await server.request("POST", "/api/v3/flows/instances/", {
    slug: "staff-enrollment",
    name: "Staff",
    title: "Welcome",
    designation: "enrollment",
  });
  // The operator writes Pulumi.yaml in this way.
  const pipeline = await Pipeline.yaml(stringify(program.program), program.metadata.name);
  const env = {
    AUTHENTIK_URL: server.url,
    AUTHENTIK_TOKEN: server.addUser("pulumi-invitations", await readPermissions("invitations")),
  };
  try {
    await pipeline.project.succeed("install");
    expect(await pipeline.run("up", env)).toMatchObject({ code: 0 });
    expect(server.outbox.map(({ to }) => to).sort()).toEqual([
      "ada@example.com",
      "grace@example.com",
      "jane@example.com",
    ]);
    expect(await pipeline.project.outputs()).toEqual({
      statuses: { "ada@example.com": "pending", "grace@example.com": "pending" },
    });
  } finally {
    await pipeline.remove();
    await server.close();
  }
});
