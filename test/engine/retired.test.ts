import type { Authentik } from "../../sandbox";
import { addFlow, openLink } from "../unit/support/enrollment";
import { setUpFixture, setUpVersions } from "./fixture";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(240_000);

const slug = "default-source-enrollment";

describe("retirement on all versions of authentik", () => {
  const fixture = setUpVersions();

  async function forEachServer(action: (server: Authentik, connection: string) => Promise<void>): Promise<void> {
    for (const { server, connection } of fixture.servers) await action(server, connection);
  }

  /** A program with two invitations on each server. Its outputs are named after the connections. */
  function createProgram(jane: string, expiring: string): string {
    const connections = fixture.servers.map(({ connection }) => connection);
    return `for (const connection of ${JSON.stringify(connections)}) {
      const create = (name, inputs) => new authentik.Invitation(name + "-" + connection, { name, connection, flow: "join", ...inputs });
      const jane = create("jane", { singleUse: true, validFor: "14d", ${jane} });
      const expiring = create("expiring", { ${expiring} });
      exports[connection] = Object.fromEntries(Object.entries({ jane, expiring }).map(
        ([name, { status, retiredAt, link }]) => [name, { status, retiredAt, link }]));
    }`;
  }

  type Outputs = Record<string, Record<"jane" | "expiring", { status: string; retiredAt?: string; link: string }>>;

  async function readOutputs(): Promise<Outputs> {
    return (await fixture.project.outputs()) as Outputs;
  }

  async function getPk(server: Authentik, name: string): Promise<string> {
    const [found, ...others] = (await invitations(server)).filter((invitation) => invitation.name === name);
    expect(others).toEqual([]);
    if (!found) throw new Error(`No invitation ${name} exists.`);
    return found.pk;
  }

  test("keeps used and expired invitations without requests, whatever changes, until the program reissues them", async () => {
    const { project } = fixture;
    const count = fixture.servers.length;
    await forEachServer(async (server) => addFlow(server, "join"));
    await project.write(createProgram("", `validFor: "5s", fixedData: { a: 1 }`));
    // It was always going to be short.
    expect(await project.up()).not.toContain("expires within a day");
    const created = await readOutputs();
    await forEachServer(async (server, connection) => {
      const pk = await getPk(server, "jane");
      expect(created[connection]?.jane).toMatchObject({
        status: "pending",
        link: `${server.url}/if/flow/join/?itoken=${pk}`,
      });
      await openLink(server, "join", pk);
      expect((await invitations(server)).map(({ name }) => name)).toEqual(["expiring"]);
    });
    await new Promise((resolve) => setTimeout(resolve, 5000));

    // The other one has expired, but authentik has not deleted it yet.
    await project.expectNoChanges("--refresh");
    await project.up("--refresh");
    const retired = await readOutputs();
    await forEachServer(async (server, connection) => {
      const retiredAt = expect.stringMatching(/Z$/);
      const { jane, expiring } = created[connection] ?? {};
      expect(retired[connection]).toEqual({
        jane: { status: "used", retiredAt, link: jane?.link },
        expiring: { status: "expired", retiredAt, link: expiring?.link },
      });
      server.cleanUpExpired();
    });
    await project.up("--refresh");
    await forEachServer(async (server) => void requestsOf(server));

    const edits = `name: "renamed", fixedData: { email: "new@example.com" }`;
    await project.write(createProgram(edits, `validFor: "5s", fixedData: { a: 2 }`));
    const edited = await project.expectNoChanges("--refresh");
    const diagnostics = edited.slice(edited.indexOf("Diagnostics:"));
    for (const { connection } of fixture.servers) expect(diagnostics).toContain(`Invitation (jane-${connection})`);
    const ignored =
      'has been used, so changes to name, fixedData are ignored. To reissue it, change keepers or set onRetired: "reissue".';
    expect(diagnostics.split(ignored)).toHaveLength(count + 1);
    await project.up("--refresh");
    await forEachServer(async (server) => expect(requestsOf(server)).toEqual([]));

    await project.write(createProgram("keepers: { round: 2 }", `validFor: "14d", fixedData: { a: 2 }`));
    const preview = await project.preview("--diff");
    expect(preview.output).toContain(`+-${2 * count} to replace`);
    expect(preview.output.match(/validFor *: "5s" => "14d"/g)).toHaveLength(count);
    await project.up();
    const reissued = await readOutputs();
    await forEachServer(async (server, connection) => {
      expect(requestsOf(server)).toEqual([
        "GET /api/v3/events/events/",
        "GET /api/v3/flows/instances/",
        `POST ${invitationsPath}`,
        `POST ${invitationsPath}`,
      ]);
      for (const name of ["jane", "expiring"] as const) {
        expect(reissued[connection]?.[name]).toMatchObject({ status: "pending" });
        expect(reissued[connection]?.[name].link).not.toBe(created[connection]?.[name].link);
      }
      await openLink(server, "join", await getPk(server, "jane"));
    });

    await project.write(
      createProgram(`keepers: { round: 2 }, onRetired: "reissue"`, `validFor: "14d", fixedData: { a: 2 }`),
    );
    await project.up("--refresh");
    await forEachServer(async (server) => openLink(server, "join", await getPk(server, "jane")));
    await project.up("--refresh");
    await forEachServer(async (server) => expect(await invitations(server)).toHaveLength(2));
    await project.destroy();
    await forEachServer(async (server) => expect(await invitations(server)).toEqual([]));
  });
});

describe("changes outside Pulumi", () => {
  const fixture = setUpFixture();

  test("reports what was changed or deleted, by whom and when, reads no events for unchanged objects, and repairs all", async () => {
    const { server, project } = fixture;
    addFlow(server, "doomed");
    await project.write(`
      new authentik.Invitation("many", { flow: "${slug}", validFor: "14d" });
      new authentik.Invitation("single", { flow: "${slug}", validFor: "14d", singleUse: true });
      new authentik.InvitationStage("deleted");
      new authentik.Invitation("changed", { flow: "${slug}", validFor: "14d", fixedData: { a: 1 } });
      new authentik.InvitationStage("changed-stage");
      new authentik.Invitation("orphan", { flow: "doomed", validFor: "14d" });
      new authentik.Invitation("untouched", { flow: "${slug}", validFor: "14d" });`);
    await project.up();
    const pks = new Map((await invitations(server)).map(({ name, pk }) => [name, pk]));
    const state = await project.state();
    for (const name of ["many", "single"]) await server.request("DELETE", `${invitationsPath}${pks.get(name)}/`);
    await server.request("DELETE", `${stagesPath}${state.get("deleted")?.id}/`);
    await server.request("PATCH", `${invitationsPath}${pks.get("changed")}/`, {
      fixed_data: { a: 2 },
      expires: "2035-01-01T00:00:00Z",
    });
    await server.request("PATCH", `${stagesPath}${state.get("changed-stage")?.id}/`, {
      continue_flow_without_invitation: true,
    });
    await server.request("DELETE", "/api/v3/flows/instances/doomed/");
    const readsEvents = (request: string): boolean => request.includes("events");
    requestsOf(server);

    const drift = await project.preview("--refresh", "--expect-no-changes", "--diff");
    expect(drift.code).toBe(7);
    for (const object of ['Invitation "many"', 'Invitation "single"', 'Invitation stage "deleted"']) {
      expect(drift.output).toMatch(
        new RegExp(`${object}: deleted by akadmin on \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ`),
      );
    }
    for (const change of [
      /Invitation "changed": expires, fixedData changed outside Pulumi, last by akadmin on \d{4}-/,
      /Invitation stage "changed-stage": continueFlowWithoutInvitation changed outside Pulumi, last by akadmin on /,
      /its flow was removed \(the flow was deleted by akadmin on \S+Z\)\. Until `pulumi up` restores it, any flow with an invitation stage accepts this invitation\./,
      /\+ flow\s*: "doomed"/,
    ]) {
      expect(drift.output).toMatch(change);
    }
    // One for each of the six objects, one to find out who deleted the flow, and none for the untouched invitation.
    expect(requestsOf(server).filter(readsEvents)).toHaveLength(7);
    await project.succeed("config", "set", "authentik:attribution", "false");
    const withoutAttribution = await project.preview("--refresh", "--run-program");
    expect(withoutAttribution.output).toMatch(/Invitation "changed": expires, fixedData changed outside Pulumi$/m);
    // One for each of the two deleted invitations, which may have been used.
    expect(requestsOf(server).filter(readsEvents)).toHaveLength(2);

    const failed = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress", "--refresh");
    expect(failed.output).toContain('authentik has no flow with the slug "doomed"');
    const { body } = await server.request("POST", "/api/v3/flows/instances/", {
      name: "doomed",
      slug: "doomed",
      title: "Again",
      designation: "enrollment",
    });
    await project.up("--refresh");
    const repaired = await invitations(server);
    expect(repaired.map(({ name }) => name)).toEqual(["changed", "many", "orphan", "single", "untouched"]);
    expect(repaired.find(({ name }) => name === "orphan")).toMatchObject({ flow: (body as { pk: string }).pk });
    await project.expectNoChanges("--refresh");
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
    await project.expectNoChanges("--refresh");
  });
});
