import type { Authentik } from "../../sandbox";
import { enroll } from "../../scripts/demo/invitee";
import { setUpFixture, setUpSharedFixture, setUpVersions } from "./fixture";
import { invitations, requestsOf } from "./server";

jest.setTimeout(240_000);

const flowsPath = "/api/v3/flows/instances/";
const password = "S0me-long-Pass!word";
const bindingsPath = "/api/v3/flows/bindings/";

async function findFlow(server: Authentik, slug: string): Promise<Record<string, unknown> | undefined> {
  const { body } = await server.request("GET", `${flowsPath}?slug=${slug}`);
  return (body as { results: Record<string, unknown>[] }).results[0];
}

/** What Pulumi repeats at the end of a run. */
function diagnosticsOf(output: string): string {
  return output.slice(output.indexOf("Diagnostics:"));
}

describe("an invite-only enrollment on all versions of authentik", () => {
  const fixture = setUpVersions();

  /** Opens a link and enrolls with a password. Returns the new user. */
  async function enrollWith(server: Authentik, link: string, username: string): Promise<unknown> {
    await enroll(link, { username, password, password_repeat: password });
    const { body } = await server.request("GET", `/api/v3/core/users/?username=${username}`);
    return (body as { results: unknown[] }).results[0];
  }

  test("enrolls an invitee, and shows no drift after the invitation is used", async () => {
    const { project, servers } = fixture;
    const connections = JSON.stringify(servers.map(({ connection }) => connection));
    await project.write(
      `for (const connection of ${connections}) {
         const staff = new authentik.InviteOnlyEnrollment("staff-" + connection, { connection,
           slug: "staff-enrollment", title: "Welcome to the staff" });
         const jane = new authentik.Invitation("jane-" + connection, { name: "jane", connection, flow: staff.flow,
           validFor: "14d", singleUse: true,
           fixedData: { email: "jane@example.com", name: "Jane", attributes: { team: "backend" } } });
         exports[connection] = { slug: staff.slug, flow: staff.flow, link: jane.link, status: jane.status };
       }`,
    );
    const count = 9 * servers.length + 1;
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining(`+ ${count} to create`)]);
    await project.up();
    expect(await project.expectNoChanges("--refresh")).toContain(`${count} unchanged`);
    const outputs = (await project.outputs()) as Record<string, Record<string, string>>;
    for (const { server, connection } of servers) {
      const { slug, flow, link } = outputs[connection] ?? {};
      expect(await findFlow(server, "staff-enrollment")).toMatchObject({
        pk: flow,
        title: "Welcome to the staff",
        designation: "enrollment",
        authentication: "require_unauthenticated",
      });
      expect(slug).toBe("staff-enrollment");
      const [jane] = await invitations(server);
      expect(link).toBe(`${server.url}/if/flow/staff-enrollment/?itoken=${jane?.pk}`);
      expect(await enrollWith(server, String(link), "jane")).toMatchObject({
        email: "jane@example.com",
        name: "Jane",
        attributes: { team: "backend" },
      });
    }

    await project.expectNoChanges("--refresh");
    await project.up("--refresh");
    const used = await project.outputs();
    for (const { connection } of servers) expect(used[connection]).toMatchObject({ status: "used" });
    await project.destroy();
    for (const { server } of servers) expect(await findFlow(server, "staff-enrollment")).toBeUndefined();
  });
});

describe("flows and bindings", () => {
  const fixture = setUpFixture();

  const program = (slug: string, order = 0) => `
    const flow = new authentik.Flow("flow", { slug: "${slug}", title: "Welcome", designation: "enrollment" });
    const stage = new authentik.InvitationStage("stage");
    new authentik.FlowStageBinding("binding", { target: flow.id, stage: stage.id, order: ${order}, evaluateOnPlan: true });
    exports.stages = flow.stages;`;

  test("shows drift line by line and repairs it, renames a slug in place, and does not mistake another flow with the slug for its own", async () => {
    const { server, project } = fixture;
    await project.write(program("join"));
    await project.up();
    const flow = await findFlow(server, "join");
    await server.request("PATCH", `${flowsPath}join/`, { title: "Hello", slug: "moved" });
    const binding = (await project.state()).get("binding")?.id;
    await server.request("PATCH", `${bindingsPath}${binding}/`, { order: 7, evaluate_on_plan: false });
    const { code, output } = await project.preview("--refresh", "--diff", "--expect-no-changes");
    expect(code).toBe(7);
    for (const line of [
      /~ title *: "Hello" => "Welcome"/,
      /~ slug *: "moved" => "join"/,
      /~ order *: 7 => 0/,
      /~ evaluateOnPlan *: false => true/,
    ]) {
      expect(output).toMatch(line);
    }
    expect(output).toMatch(/Flow "join": slug, title changed outside Pulumi/);
    await project.up("--refresh");
    expect(await findFlow(server, "join")).toMatchObject({ pk: flow?.pk, title: "Welcome" });
    await project.expectNoChanges("--refresh");

    await project.write(program("join-us"));
    requestsOf(server);
    await project.up();
    expect(requestsOf(server).filter((request) => !request.startsWith("GET"))).toEqual([`PUT ${flowsPath}join/`]);
    expect(await findFlow(server, "join-us")).toMatchObject({ pk: flow?.pk });

    await server.request("DELETE", `${flowsPath}join-us/`);
    const { body } = await server.request("POST", flowsPath, {
      name: "x",
      slug: "join-us",
      title: "Other",
      designation: "recovery",
    });
    const other = body as { pk: string };
    const drift = await project.preview("--refresh", "--expect-no-changes");
    expect([drift.code, drift.output]).toEqual([7, expect.stringContaining("+ 2 to create")]);
    const failed = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress", "--refresh");
    expect(failed.output).toContain(`import that flow with the resource option { import: "${other.pk}" }`);
    await project.destroy();
    expect(await findFlow(server, "join-us")).toMatchObject({ pk: other.pk, title: "Other" });
  });

  test("imports existing objects, and names the binding that already has the order", async () => {
    const { server, project } = fixture;
    const flow = (
      await server.request("POST", flowsPath, {
        name: "existing flow",
        slug: "existing",
        title: "T",
        designation: "enrollment",
      })
    ).body as { pk: string };
    const stage = (await server.request("POST", "/api/v3/stages/invitation/stages/", { name: "existing" })).body as {
      pk: string;
    };
    const binding = (await server.request("POST", bindingsPath, { target: flow.pk, stage: stage.pk, order: 3 }))
      .body as { pk: string };
    const importing = (bindingOptions: string) => `
      new authentik.Flow("flow", { name: "existing flow", slug: "existing", title: "T", designation: "enrollment" }, { import: "${flow.pk}" });
      new authentik.FlowStageBinding("binding", { target: "existing", stage: "${stage.pk}", order: 3 }, ${bindingOptions});`;
    await project.write(importing("{}"));
    const conflict = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(conflict.output).toContain(`already has this stage at order 3: the binding with the pk ${binding.pk}.`);
    await project.write(importing(`{ import: "${binding.pk}" }`));
    requestsOf(server);
    await project.up();
    expect(requestsOf(server).every((request) => request.startsWith("GET"))).toBe(true);
    await project.expectNoChanges("--refresh");
    await project.destroy();
    expect(await findFlow(server, "existing")).toBeUndefined();
  });

  test("reports all missing stages of an enrollment in one error, and how to get them", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.InviteOnlyEnrollment("x", { stages: ["no-such-stage"] });`);
    const unknown = await project.preview();
    expect(unknown.code).not.toBe(0);
    expect(unknown.output).toContain(
      "authentik has no stages with these names that the token's user is allowed to view: no-such-stage.",
    );

    for (const stage of server.instance.stages.all()) stage.name = `other-${stage.pk.slice(0, 4)}`;
    await project.write(`new authentik.InviteOnlyEnrollment("x");`);
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    expect(output).toContain(
      "InviteOnlyEnrollment \"x\": authentik has no stages with these names that the token's user is allowed to view: default-source-enrollment-prompt, default-password-change-prompt, default-source-enrollment-write, default-source-enrollment-login. To create the default stages, apply authentik's blueprints",
    );
    expect(diagnosticsOf(output).match(/authentik has no stages/g)).toHaveLength(1);
    expect(output).not.toContain("unhandled exception");

    await project.succeed("config", "set", "--secret", "authentik:token", "other");
    const denied = await project.preview();
    expect(diagnosticsOf(denied.output).match(/returned 403/g)).toHaveLength(1);
    expect(denied.output).not.toContain("unhandled exception");
  });

  test("accepts outputs and resources as inputs of an enrollment, and has its resources as properties", async () => {
    const { server, project } = fixture;
    await project.write(`
      const consent = new authentik.InvitationStage("consent", { name: "second" });
      const own = new authentik.Flow("own", { title: "Own", designation: "enrollment" });
      const a = new authentik.InviteOnlyEnrollment("a", {
        slug: pulumi.output("join").apply((slug) => slug + "-us"), connection: pulumi.output("authentik"),
        stages: [consent, consent.id, pulumi.output("default-source-enrollment-write"), "default-source-enrollment-login"],
      });
      const b = new authentik.InviteOnlyEnrollment("b", { flow: own, stages: pulumi.output(["default-source-enrollment-login"]) });
      const c = new authentik.InviteOnlyEnrollment("c", { flow: pulumi.output("default-source-enrollment"), stages: [] });
      new authentik.FlowStageBinding("extra", { target: own, stage: a.invitationStageResource, order: 99 });
      exports.a = { slug: a.slug, flow: a.flow, title: a.flowResource.title, stage: a.invitationStageResource.name,
        orders: a.bindingResources.apply((all) => pulumi.all(all.map(({ order }) => order))) };
      exports.b = { slug: b.slug, isOwn: pulumi.all([b.flow, own.id]).apply(([x, y]) => x === y), created: b.flowResource === undefined };
      exports.c = c.slug;`);
    await project.up();
    expect(await project.outputs()).toEqual({
      a: {
        slug: "join-us",
        flow: server.instance.flows.findBySlug("join-us")?.pk,
        title: "join-us",
        stage: "a-invitation",
        orders: [0, 10, 20, 30, 40],
      },
      b: { slug: "own", isOwn: true, created: true },
      c: "default-source-enrollment",
    });
    const state = await project.state();
    expect([...state.keys()].filter((name) => name.startsWith("a-")).sort()).toEqual(
      ["a-10", "a-20", "a-30", "a-default-source-enrollment-login", "a-invitation", "a-invitation"].filter(
        (name, index, all) => all.indexOf(name) === index,
      ),
    );
    await project.expectNoChanges("--refresh");
  });
});

describe("invalid inputs", () => {
  const fixture = setUpSharedFixture();

  test.each([
    [
      '{ flow: "default-source-enrollment", slug: "x", title: pulumi.output("X") }',
      "slug and title cannot be set together with flow, which exists already. Remove them, or flow.",
    ],
    ["{ stage: [] }", "unknown input stage. Did you mean stages?"],
    ["{ policy: [] }", "unknown input policy. The inputs are slug, title, flow, stages, connection."],
  ])("rejects inputs of an enrollment that would be ignored: %s", async (inputs, message) => {
    const { project } = fixture;
    await project.write(`new authentik.InviteOnlyEnrollment("x", ${inputs});`);
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    expect(output).toContain(`InviteOnlyEnrollment "x": ${message}`);
    expect(output).not.toContain("unhandled exception");
  });

  test("rejects invalid inputs at preview", async () => {
    const { project } = fixture;
    await project.write(`new authentik.Flow("x", { slug: "two words", designation: "enrolment", layout: "Stacked" });`);
    const flow = await project.preview();
    for (const reason of [
      "slug: must contain only ",
      'designation: must be "authentication", ',
      "layout: must be one of authentik's values",
    ]) {
      expect(flow.output).toContain(` has a problem: ${reason}`);
    }
    await project.write(
      `new authentik.FlowStageBinding("x", { target: "a b", stage: "invitation", order: 1.5, reEvaluatePolicy: true });`,
    );
    const binding = await project.preview();
    for (const reason of [
      "target: must be a flow's slug ",
      "stage: must be a stage's UUID",
      "order: must be an integer",
    ]) {
      expect(binding.output).toContain(` has a problem: ${reason}`);
    }
    expect(binding.output).toContain("reEvaluatePolicy: unknown property. Did you mean reEvaluatePolicies?");
  });
});
