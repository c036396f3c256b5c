import type { Authentik } from "../sandbox";
import { setUpFixture, setUpVersions } from "./fixture";
import { invitations, invitationsPath, requestsOf } from "./server";

jest.setTimeout(240_000);

const slug = "default-source-enrollment";

/** Creates a flow with only an invitation stage, so that opening the link is enough to use an invitation. */
async function createFlow(server: Authentik, flowSlug: string): Promise<void> {
  const flow = await server.request("POST", "/api/v3/flows/instances/", {
    name: flowSlug,
    slug: flowSlug,
    title: flowSlug,
    designation: "enrollment",
  });
  const stage = await server.request("POST", "/api/v3/stages/invitation/stages/", { name: `${flowSlug}-invitation` });
  await server.request("POST", "/api/v3/flows/bindings/", {
    target: (flow.body as { pk: string }).pk,
    stage: (stage.body as { pk: string }).pk,
    order: 0,
  });
}

async function openLink(server: Authentik, flowSlug: string, pk: string): Promise<void> {
  const query = encodeURIComponent(`itoken=${pk}`);
  await server.request("GET", `/api/v3/flows/executor/${flowSlug}/?query=${query}`, undefined, null);
}

async function getOnlyPk(server: Authentik): Promise<string> {
  const [only, ...others] = await invitations(server);
  expect(others).toEqual([]);
  if (!only) throw new Error("No invitation exists.");
  return only.pk;
}

describe("retirement on all versions of authentik", () => {
  const fixture = setUpVersions();

  async function forEachServer(action: (server: Authentik, connection: string) => Promise<void>): Promise<void> {
    for (const { server, connection } of fixture.servers) await action(server, connection);
  }

  /** A program with the same invitation on each server. Its outputs are named after the connections. */
  function createProgram(name: string, inputs: string): string {
    const connections = fixture.servers.map(({ connection }) => connection);
    return `for (const connection of ${JSON.stringify(connections)}) {
      const invitation = new authentik.Invitation("${name}-" + connection, { connection, ${inputs} });
      const { status, retiredAt, link } = invitation;
      exports[connection] = { status, retiredAt, link };
    }`;
  }

  test("keeps a used invitation without requests, whatever changes, until the program reissues it", async () => {
    const { project } = fixture;
    const writeProgram = (inputs: string): Promise<void> =>
      project.write(createProgram("jane", `flow: "join", validFor: "14d", ${inputs}`));
    await forEachServer((server) => createFlow(server, "join"));
    await writeProgram('name: "jane", singleUse: true');
    await project.up();
    const links = await project.outputs();
    await forEachServer(async (server, connection) => {
      const pk = await getOnlyPk(server);
      expect(links[connection]).toMatchObject({ status: "pending", link: `${server.url}/if/flow/join/?itoken=${pk}` });
      await openLink(server, "join", pk);
      expect(await invitations(server)).toEqual([]);
    });

    const refresh = await project.preview("--refresh", "--expect-no-changes");
    expect([refresh.code, refresh.output]).toEqual([0, expect.stringContaining("unchanged")]);
    await project.up("--refresh");
    const retired = await project.outputs();
    await forEachServer(async (server, connection) => {
      const { link } = links[connection] as { link: string };
      expect(retired[connection]).toEqual({ status: "used", retiredAt: expect.stringMatching(/Z$/), link });
      requestsOf(server);
    });

    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
    await writeProgram(`singleUse: true, fixedData: { email: "new@example.com" }, name: "renamed"`);
    const edited = await project.preview("--expect-no-changes");
    expect(edited.code).toBe(0);
    const diagnostics = edited.output.slice(edited.output.indexOf("Diagnostics:"));
    for (const { connection } of fixture.servers) expect(diagnostics).toContain(`Invitation (jane-${connection})`);
    const ignored =
      'has been used, so changes to name, fixedData are ignored. To reissue it, change keepers or set onRetired: "reissue".';
    expect(diagnostics.split(ignored)).toHaveLength(fixture.servers.length + 1);
    await project.up("--refresh");
    await forEachServer(async (server) => expect(requestsOf(server)).toEqual([]));

    await writeProgram(`name: "jane", singleUse: true, keepers: { round: 2 }`);
    expect((await project.preview()).output).toContain(`+-${fixture.servers.length} to replace`);
    await project.up();
    const reissued = await project.outputs();
    await forEachServer(async (server, connection) => {
      expect(requestsOf(server)).toEqual([
        "GET /api/v3/events/events/",
        "GET /api/v3/flows/instances/",
        `POST ${invitationsPath}`,
      ]);
      expect(reissued[connection]).toMatchObject({ status: "pending" });
      expect((reissued[connection] as { link: string }).link).not.toBe((links[connection] as { link: string }).link);
      await openLink(server, "join", await getOnlyPk(server));
    });

    await writeProgram(`name: "jane", singleUse: true, keepers: { round: 2 }, onRetired: "reissue"`);
    await project.up("--refresh");
    await forEachServer(async (server) => {
      expect(await invitations(server)).toHaveLength(1);
      await openLink(server, "join", await getOnlyPk(server));
    });
    await project.up("--refresh");
    await forEachServer(async (server) => expect(await invitations(server)).toHaveLength(1));
    await project.destroy();
    await forEachServer(async (server) => expect(await invitations(server)).toEqual([]));
  });

  test("keeps an expired invitation that authentik has deleted, reissues it with a new expiry, and destroys it", async () => {
    const { project } = fixture;
    const writeProgram = (inputs: string): Promise<void> =>
      project.write(createProgram("x", `name: "x", flow: "${slug}", ${inputs}`));
    await writeProgram(`validFor: "5s", fixedData: { a: 1 }`);
    const first = await project.up();
    // It was always going to be short.
    expect(first).not.toContain("expires within a day");
    const pks = new Map<string, string>();
    await forEachServer(async (server, connection) => void pks.set(connection, await getOnlyPk(server)));
    await new Promise((resolve) => setTimeout(resolve, 5000));
    // It has expired, but authentik has not deleted it yet.
    await project.up("--refresh");
    const expired = await project.outputs();
    await forEachServer(async (server, connection) => {
      expect(expired[connection]).toMatchObject({ status: "expired", retiredAt: expect.stringMatching(/Z$/) });
      server.cleanUpExpired();
    });
    await project.up("--refresh");
    await forEachServer(async (server) => void requestsOf(server));
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
    await writeProgram(`validFor: "5s", fixedData: { a: 2 }`);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
    await forEachServer(async (server) => expect(requestsOf(server)).toEqual([]));
    await writeProgram(`validFor: "14d", fixedData: { a: 2 }`);
    const preview = await project.preview("--diff");
    expect(preview.output).toContain(`+-${fixture.servers.length} to replace`);
    expect(preview.output.split(`validFor : "5s" => "14d"`)).toHaveLength(fixture.servers.length + 1);
    await project.up();
    await forEachServer(async (server, connection) => {
      expect(await getOnlyPk(server)).not.toBe(pks.get(connection));
    });
    await project.destroy();
    await forEachServer(async (server) => expect(await invitations(server)).toEqual([]));
  });
});

describe("changes outside Pulumi", () => {
  const fixture = setUpFixture();

  test("names who deleted an invitation or a stage, and recreates it, including single-use invitations", async () => {
    const { server, project } = fixture;
    await project.write(`
      new authentik.Invitation("many", { flow: "${slug}", validFor: "14d" });
      new authentik.Invitation("single", { flow: "${slug}", validFor: "14d", singleUse: true });
      new authentik.InvitationStage("stage");`);
    await project.up();
    for (const { pk } of await invitations(server)) await server.request("DELETE", `${invitationsPath}${pk}/`);
    const stage = (await project.state()).get("stage")?.id;
    await server.request("DELETE", `/api/v3/stages/invitation/stages/${stage}/`);
    requestsOf(server);
    const { code, output } = await project.preview("--refresh", "--expect-no-changes");
    expect(code).toBe(7);
    for (const object of ['Invitation "many"', 'Invitation "single"', 'Invitation stage "stage"']) {
      expect(output).toMatch(new RegExp(`${object}: deleted by akadmin on \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ`));
    }
    expect(requestsOf(server).filter((request) => request.includes("events"))).toHaveLength(3);
    await project.up("--refresh");
    expect(await invitations(server)).toHaveLength(2);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });

  test("reports what changed, by whom and when, and reads no events for unchanged objects", async () => {
    const { server, project } = fixture;
    await project.write(`
      new authentik.Invitation("x", { flow: "${slug}", validFor: "14d", fixedData: { a: 1 } });
      new authentik.Invitation("untouched", { flow: "${slug}", validFor: "14d" });
      new authentik.InvitationStage("stage");`);
    await project.up();
    const x = (await invitations(server)).find(({ name }) => name === "x");
    await server.request("PATCH", `${invitationsPath}${x?.pk}/`, {
      fixed_data: { a: 2 },
      expires: "2035-01-01T00:00:00Z",
    });
    const stage = (await project.state()).get("stage")?.id;
    await server.request("PATCH", `/api/v3/stages/invitation/stages/${stage}/`, {
      continue_flow_without_invitation: true,
    });
    requestsOf(server);
    const { code, output } = await project.preview("--refresh", "--expect-no-changes");
    expect(code).toBe(7);
    expect(output).toMatch(/Invitation "x": expires, fixedData changed outside Pulumi, last by akadmin on \d{4}-/);
    expect(output).toMatch(
      /Invitation stage "stage": continueFlowWithoutInvitation changed outside Pulumi, last by akadmin on /,
    );
    expect(requestsOf(server).filter((request) => request.includes("events"))).toHaveLength(2);
    await project.succeed("config", "set", "authentik:attribution", "false");
    const withoutAttribution = await project.preview("--refresh", "--run-program");
    expect(withoutAttribution.output).toMatch(/Invitation "x": expires, fixedData changed outside Pulumi$/m);
    expect(requestsOf(server).filter((request) => request.includes("events"))).toEqual([]);
    await project.up("--refresh");
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });

  test("counts a deleted single-use invitation as used without the permission to read events, and names the permission once", async () => {
    const { server, project } = fixture;
    const token = server.addUser(
      "pulumi",
      ["add", "view", "change", "delete"].map((verb) => `authentik_stages_invitation.${verb}_invitation`),
    );
    await project.succeed("config", "set", "--secret", "authentik:token", token);
    await project.write(`
      new authentik.Invitation("many", { validFor: "14d" });
      new authentik.Invitation("single", { validFor: "14d", singleUse: true });
      new authentik.Invitation("single2", { validFor: "14d", singleUse: true });`);
    await project.up();
    for (const { pk } of await invitations(server)) await server.request("DELETE", `${invitationsPath}${pk}/`);
    const { code, output } = await project.preview("--refresh", "--expect-no-changes");
    expect([code, output]).toEqual([7, expect.stringContaining("+ 1 to create")]);
    const diagnostics = output.slice(output.indexOf("Diagnostics:"));
    expect(diagnostics).toMatch(/Invitation "many": deleted outside Pulumi$/m);
    expect(diagnostics).toContain("authentik_events.view_event");
    await project.up("--refresh");
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["many"]);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
    await project.destroy();
  });

  test("reports a deleted flow and its effect on the invitation, and repairs it when the flow is recreated", async () => {
    const { server, project } = fixture;
    await createFlow(server, "doomed");
    await project.write(`new authentik.Invitation("x", { flow: "doomed", validFor: "14d" });`);
    await project.up();
    await server.request("DELETE", "/api/v3/flows/instances/doomed/");
    const drift = await project.preview("--refresh", "--expect-no-changes", "--diff");
    expect(drift.code).toBe(7);
    expect(drift.output).toMatch(
      /its flow was removed \(the flow was deleted by akadmin on \S+Z\)\. Until `pulumi up` restores it, any flow with an invitation stage accepts this invitation\./,
    );
    expect(drift.output).toMatch(/\+ flow\s*: "doomed"/);
    const failed = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress", "--refresh");
    expect(failed.output).toContain('authentik has no flow with the slug "doomed"');
    const flow = await server.request("POST", "/api/v3/flows/instances/", {
      name: "doomed",
      slug: "doomed",
      title: "Again",
      designation: "enrollment",
    });
    await project.up("--refresh");
    expect(await invitations(server)).toMatchObject([{ flow: (flow.body as { pk: string }).pk }]);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });
});
