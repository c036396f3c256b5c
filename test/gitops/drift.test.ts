import { existsSync } from "node:fs";
import { join } from "node:path";
import { Authentik } from "../../sandbox";
import type { StateResource } from "../engine/project";
import { invitations, invitationsPath } from "../engine/server";
import { readPermissions } from "./blueprint";
import { Pipeline } from "./pipeline";

jest.setTimeout(240_000);

const isInvitation = ({ type }: StateResource): boolean => type.endsWith("authentik:Invitation");

/** The whole workflow of a repository, with the real Pulumi, the embedded authentik and a fake GitHub. */
test("previews a pull request, applies it, reports drift and undeclared invitations, repairs drift, and publishes no secrets", async () => {
  const server = await Authentik.start();
  const writer = server.addUser("pulumi-invitations", [
    ...(await readPermissions("invitations")),
    ...(await readPermissions("flows")),
  ]);
  const reader = server.addUser("pulumi-invitations-read", await readPermissions("drift"));
  const pipeline = await Pipeline.real(`
    const stage = new authentik.InvitationStage("staff");
    const jane = new authentik.Invitation("jane", { flow: "default-source-enrollment", expires: "2035-01-01T00:00:00Z",
      singleUse: true, fixedData: { email: "jane@example.com" } });
    exports.link = jane.link;
    exports.slug = authentik.getFlow({ slug: "default-source-enrollment" }).then(({ slug }) => slug);`);
  const env = {
    AUTHENTIK_URL: server.url,
    AUTHENTIK_TOKEN: writer,
    AUTHENTIK_READ_TOKEN: reader,
    GITHUB_ACTIONS: "true",
  };
  let log = "";
  const run = async (command: "preview" | "up" | "drift", more: Record<string, string> = {}): Promise<number> => {
    const result = await pipeline.run(command, { ...env, ...more });
    log += result.log;
    return result.code;
  };
  try {
    expect(await run("preview")).toBe(0);
    const [comment] = pipeline.github.posts;
    expect(comment?.body).toContain("**1 invitation to create, 1 invitation stage to create**, 0 unchanged");
    expect(comment?.body).toContain('`fixedData.email`: `"jane@example.com"`');
    expect(comment?.body).toContain("> - **1 invitation expires in more than 90 days:** `jane`");

    expect(await run("up")).toBe(0);

    const [jane] = await invitations(server);
    await server.request("PATCH", `${invitationsPath}${jane?.pk}/`, { expires: "2036-01-01T00:00:00Z" });
    await server.request("POST", invitationsPath, { name: "contractor", expires: "2036-01-01T00:00:00Z" });
    const contractor = (await invitations(server)).find(({ name }) => name === "contractor");
    expect(await run("drift")).toBe(7);
    const [, issue] = pipeline.github.posts;
    expect(issue).toMatchObject({ title: "Drift detected in stack staff, and undeclared invitations", state: "open" });
    const undeclared = /^ID .*\n([\s\S]*?)\n```$/m.exec(issue?.body ?? "")?.[1] ?? "";
    expect(undeclared.split(/ {2,}|\n/)).toEqual([
      expect.stringMatching(/^[0-9a-f]{16}$/),
      "contractor",
      "any",
      "2036-01-01T00:00:00Z",
      "akadmin",
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/),
    ]);
    const [warning = ""] = /^- \*\*Changed outside Pulumi:.*$/m.exec(issue?.body ?? "") ?? [];
    expect(warning).toMatch(
      /^- \*\*Changed outside Pulumi:\*\* `expires` of `jane`, last by `akadmin` on \d{4}-\d\d-\d\d at \d\d:\d\d UTC$/,
    );
    // The issue starts with the warnings, before the long output.
    expect(issue?.body.indexOf(warning)).toBeLessThan(issue?.body.indexOf("<details>") ?? 0);
    expect(issue?.body).toContain("**1 invitation to update**, 1 unchanged");
    expect(issue?.body).toContain('`expires`: `"2036-01-01T00:00:00Z"` → `"2035-01-01T00:00:00Z"`');

    await server.request("DELETE", `${invitationsPath}${contractor?.pk}/`);
    // As a run does that is killed before it sends the request to create a resource.
    await pipeline.project.changeState((resources, deployment) => {
      const [{ urn, type, inputs }] = resources.filter(isInvitation) as [StateResource];
      deployment.pending_operations = [{ resource: { urn, type, inputs, custom: true }, type: "creating" }];
    });
    expect(await run("up", { REFRESH: "true" })).toBe(0);
    expect(log).toMatch(/\n::stop-commands::.*\nInvitation "jane": .*Its pending operation will be removed\n/);
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["jane"]);
    expect(await run("drift")).toBe(0);
    const [, closed] = pipeline.github.posts;
    expect(closed).toMatchObject({
      state: "closed",
      comments: [expect.stringContaining("No drift and no undeclared invitations found.")],
    });

    const readRequests = server.requests.filter(({ username }) => username === "pulumi-invitations-read");
    expect([...new Set(readRequests.map(({ method }) => method))]).toEqual(["GET"]);

    const requestsBefore = [...pipeline.github.requests];
    expect(await run("drift", { AUTHENTIK_URL: "http://127.0.0.1:9" })).not.toBe(7);
    expect(log).toContain("Could not connect to authentik");
    expect(pipeline.github.requests).toEqual(requestsBefore);

    // Someone who can write the state, as a preview's program may, plants code in it. A refresh runs it, and the command refuses.
    const planted = join(pipeline.project.folder, "planted");
    const source = `exports.handler=()=>{require("fs").writeFileSync(${JSON.stringify(planted)}, "");return {}}`;
    const refused = async (message: string, ...commands: ("up" | "drift")[]): Promise<void> => {
      for (const command of commands) {
        const { code, log: refusal } = await pipeline.run(command, { ...env, REFRESH: "true" });
        expect([code, refusal]).toEqual([3, expect.stringContaining(message)]);
        expect(refusal).toContain("recover failed with exit code 3, so Pulumi was not run.");
        log += refusal;
      }
    };
    const restore = await pipeline.project.changeState((resources) => {
      for (const { inputs, outputs } of resources.filter(isInvitation)) {
        for (const properties of [inputs, outputs]) properties["__provider"] = source;
      }
    });
    await refused("other source code in inputs and outputs", "up", "drift");
    expect(existsSync(planted)).toBe(false);
    await pipeline.project.pulumi("refresh", "--yes");
    expect(existsSync(planted)).toBe(true);

    // A refresh sends the token to the URL in the state.
    const other = await Authentik.start();
    await restore();
    await pipeline.project.changeState((resources) => {
      for (const resource of resources.filter(({ type }) => type === "pulumi:providers:pulumi-nodejs")) {
        resource.inputs = { ...resource.inputs, "authentik:url": other.url };
        resource.outputs = { ...resource.outputs, "authentik:url": other.url };
      }
    });
    await refused("its authentik:url is neither the stack's nor that of AUTHENTIK_URL", "up");
    expect(other.requests).toEqual([]);
    await other.close();

    // Code of other packages is normal.
    await restore();
    await pipeline.project.changeState((resources) => {
      const [invitation] = resources.filter(isInvitation);
      if (!invitation) return;
      const type = "pulumi-nodejs:dynamic:Resource";
      const urn = invitation.urn.replace(invitation.type, type);
      resources.push({
        ...invitation,
        urn,
        type,
        outputs: { __provider: "exports.handler=()=>({read:async(id,props)=>({id,props})})" },
      });
    });
    const warned = await pipeline.run("drift", { ...env, AUDIT: "false" });
    expect(warned.log).toContain("contains code or URLs that this package did not write and cannot verify.");
    expect(warned.log).toContain("- urn:pulumi:staff::team::pulumi-nodejs:dynamic:Resource::jane\n");
    expect(warned.log).toContain("error: preview failed");
    const strict = await pipeline.run("up", { ...env, STRICT_STATE: "true" });
    expect(strict).toMatchObject({
      code: 3,
      log: expect.stringContaining("The state is rejected because of --strict."),
    });
    log += warned.log;

    const published = log + JSON.stringify(pipeline.github.posts) + JSON.stringify(pipeline.github.requests);
    expect(published).not.toContain("itoken");
    expect(published).not.toContain("a passphrase for tests");
    // The secrets were never printed, so the command had nothing to redact.
    expect(published).not.toContain("[redacted]");
    expect(published).toContain("link");
  } finally {
    await pipeline.remove();
    await server.close();
  }
});
