import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Authentik } from "../../sandbox";
import { invitations, invitationsPath } from "../engine/server";
import { readPermissions } from "./blueprint";
import { kit } from "./kit";
import { Pipeline } from "./pipeline";

jest.setTimeout(240_000);

/** Has the comment of this test's preview, which `UPDATE_DOCS=true npm test -- test/gitops/yaml.test.ts` writes. */
const page = join(kit, "README.md");
const documentedComment = /(?<=<!-- start of the comment -->\n).*(?=<!-- end of the comment -->)/s;

const inDays = (days: number): string =>
  new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString().replace(/T.*/, "T23:59:59Z");
const inFourWeeks = inDays(28);
const inOneYear = inDays(365);

const students = Array.from({ length: 200 }, (_, index) => `student-${String(index + 1).padStart(3, "0")}@example.com`);

/** A YAML program with a flow, a batch with these keys and more invitations. */
function program(keys: readonly string[], more: string): string {
  return `resources:
  enrollment:
    type: authentik-invitations:Flow
    properties: { slug: staff-enrollment, title: Welcome, designation: enrollment }
  stage:
    type: authentik-invitations:InvitationStage
  binding:
    type: authentik-invitations:FlowStageBinding
    properties: { target: "\${enrollment.id}", stage: "\${stage.id}", order: 0 }
  intake-2027:
    type: authentik-invitations:InvitationBatch
    properties:
      flow: "\${enrollment.slug}"
      validFor: 30d
      invitations: { ${keys.map((key) => `${key}: {}`).join(", ")} }
  contractors:
    type: authentik-invitations:Invitation
    properties: { flow: "\${enrollment.slug}", expires: ${inFourWeeks}, singleUse: true }
${more}
outputs: { link: "\${contractors.link}" }
`;
}

const ann = (role: string): string => `
  ann:
    type: authentik-invitations:Invitation
    properties:
      flow: "\${enrollment.slug}"
      expires: ${inFourWeeks}
      fixedData: { attributes: { team: backend, role: ${role} } }
`;

const applied = program(
  students,
  `${ann("developer")}
  bob:
    type: authentik-invitations:Invitation
    properties: { flow: "\${enrollment.slug}", expires: ${inFourWeeks} }
`,
);

const proposed = program(
  students.slice(14),
  `${ann("lead")}
  jane:
    type: authentik-invitations:Invitation
    properties:
      flow: "\${enrollment.slug}"
      validFor: 14d
      singleUse: true
      fixedData: { email: jane@example.com, attributes: { team: backend } }
      email: { to: [jane@example.com], cc: [lead@example.com] }
  partners:
    type: authentik-invitations:Invitation
    properties: { flow: "\${enrollment.slug}", validFor: 1y }
`,
);

/** Replaces what differs from run to run. */
function normalize(comment: string): string {
  return `${comment
    .replaceAll(inFourWeeks, "2027-04-30T23:59:59Z")
    .replaceAll(inOneYear, "2028-03-31T23:59:59Z")
    .replaceAll(/\d{4}-\d\d-\d\d at \d\d:\d\d UTC/g, "2027-04-02 at 09:41 UTC")
    .replaceAll(/last by (\w+) on [\d-]+T[\d:]+Z/g, "last by $1 on 2027-04-02T09:41:12Z")}\n`;
}

/** The whole workflow of a repository, with the real Pulumi, the plugin, the embedded authentik and a fake GitHub. */
test("previews, applies and checks a YAML stack, and publishes no secrets", async () => {
  const server = await Authentik.start({ version: "2026.5" });
  const writer = server.addUser("pulumi-invitations", [
    ...(await readPermissions("invitations")),
    ...(await readPermissions("flows")),
  ]);
  const reader = server.addUser("pulumi-invitations-drift", await readPermissions("drift"));
  const mia = server.addUser("mia", await readPermissions("invitations"));
  const pipeline = await Pipeline.yaml(applied);
  const env = { AUTHENTIK_URL: server.url, AUTHENTIK_TOKEN: writer, AUTHENTIK_READ_TOKEN: reader };
  let log = "";
  const run = async (command: "preview" | "up" | "drift", more: Record<string, string> = {}): Promise<number> => {
    const result = await pipeline.run(command, { ...env, ...more });
    log += result.log;
    return result.code;
  };
  try {
    // Without it, the previews warn about the links of a server on this machine.
    await pipeline.project.succeed("config", "set", "authentik-invitations:publicUrl", "https://authentik.example.com");
    expect(await run("preview")).toBe(0);
    expect(pipeline.github.posts[0]?.body).toContain("200 entries of `intake-2027` to create**, 0 unchanged");
    expect(await run("up")).toBe(0);
    const created = await invitations(server);
    expect(created).toHaveLength(203);

    const contractors = created.find(({ name }) => name === "contractors");
    const change = await fetch(`${server.url}${invitationsPath}${contractors?.pk}/`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${mia}`, "content-type": "application/json" },
      body: JSON.stringify({ expires: inOneYear, single_use: false }),
    });
    expect(change.status).toBe(200);
    await pipeline.project.writeYaml(proposed);
    expect(await run("preview", { REFRESH: "true" })).toBe(0);
    const comment = normalize(pipeline.github.posts[0]?.body ?? "");
    const readme = readFileSync(page, "utf8");
    if (process.env["UPDATE_DOCS"] === "true")
      writeFileSync(
        page,
        readme.replace(documentedComment, () => comment),
      );
    else expect(comment).toBe(documentedComment.exec(readme)?.[0]);

    expect(await run("drift")).toBe(7);
    const drift = /^- \*\*Changed outside Pulumi:\*\* `expires`, `singleUse` of `contractors`, last by `mia` on /m;
    expect(pipeline.github.posts[1]).toMatchObject({
      title: "Drift detected in stack staff",
      body: expect.stringMatching(drift),
    });
    expect(server.outbox).toEqual([]);
    expect(await run("up", { REFRESH: "true" })).toBe(0);
    expect(server.outbox.map(({ to }) => to)).toEqual(["jane@example.com"]);
    const updated = await invitations(server);
    expect(updated).toHaveLength(190);
    expect(updated.find(({ name }) => name === "contractors")).toMatchObject({ single_use: true });
    expect(await run("drift")).toBe(0);
    expect(pipeline.github.posts[1]).toMatchObject({ state: "closed" });

    const published = log + JSON.stringify(pipeline.github.posts) + JSON.stringify(pipeline.github.requests);
    // The secrets were never printed, so the command had nothing to redact.
    for (const secret of ["itoken", "a passphrase for tests", "[redacted]"]) {
      expect(published).not.toContain(secret);
    }
  } finally {
    await pipeline.remove();
    await server.close();
  }
});
