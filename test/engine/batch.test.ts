import { setUpFixture } from "./fixture";
import { invitations, invitationsPath, requestsOf } from "./server";

const fixture = setUpFixture();

const program = (entries: Record<string, object>): string => `
const intake = new authentik.InvitationBatch("intake", {
  validFor: "14d",
  fixedData: { cohort: "2027" },
  invitations: ${JSON.stringify(entries)},
});
new authentik.InvitationBatch("secrets", {
  validFor: "14d",
  invitations: { ada: { fixedData: { code: pulumi.secret("s3cret-code") } } },
});
exports.statuses = intake.statuses;
`;

describe("a batch", () => {
  test("is created, changed key by key, repaired after drift, and continued after a partial failure", async () => {
    const { project, server } = fixture;
    await project.write(program({ ada: {}, grace: {}, joan: {} }));
    await project.up();
    const created = (await invitations(server)).filter(({ name }) => name.startsWith("intake"));
    expect(created.map(({ name }) => name)).toEqual(["intake-ada", "intake-grace", "intake-joan"]);
    const state = await project.stateText();
    expect(state).not.toContain("s3cret-code");
    for (const { pk } of await invitations(server)) expect(state).not.toContain(pk);

    for (const { pk } of created) {
      await server.request("PATCH", `${invitationsPath}${pk}/`, { fixed_data: { by: "hand" } });
    }
    const { output } = await project.preview("--refresh", "--diff");
    for (const { name } of created) {
      expect(output).toContain(`Invitation "${name}": fixedData changed outside Pulumi, last by akadmin`);
    }

    // Adds mary, changes ada, removes joan, and repairs grace. One create request fails.
    await project.write(program({ ada: { singleUse: true }, grace: {}, mary: {} }));
    server.injectFailure({ method: "POST", status: 403, body: "{}" });
    requestsOf(server);
    const failed = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress", "--refresh");
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain("invitations.mary: Could not create the invitation");
    const writes = requestsOf(server).filter((line) => !line.startsWith("GET"));
    expect(writes.map((line) => line.split(" ")[0])).toEqual(["DELETE", "POST", "PUT", "PUT"]);

    await project.up("--refresh");
    expect(requestsOf(server).filter((line) => !line.startsWith("GET"))).toEqual([`POST ${invitationsPath}`]);
    expect((await invitations(server)).map(({ name, single_use }) => [name, single_use])).toEqual([
      ["intake-ada", true],
      ["intake-grace", false],
      ["intake-mary", false],
      [expect.stringMatching(/^secrets-ada/), false],
    ]);
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  }, 120_000);
});
