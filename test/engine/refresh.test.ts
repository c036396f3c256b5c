import { setUpVersions } from "./fixture";

jest.setTimeout(240_000);

const fixture = setUpVersions();

/** A program that declares the same resources on each server. */
function createProgram(resources: string): string {
  const connections = fixture.servers.map(({ connection }) => connection);
  return `for (const connection of ${JSON.stringify(connections)}) {
    const nameOf = (name) => name + "-" + connection;
    ${resources}
  }`;
}

const resources = `
  const flow = new authentik.Flow(nameOf("staff"), { slug: "staff", title: " Welcome ", designation: "enrollment", connection });
  const stage = new authentik.InvitationStage(nameOf("invitation"), { connection });
  new authentik.FlowStageBinding(nameOf("by-id"), { target: flow.id, stage: stage.id, order: 0, connection });
  new authentik.FlowStageBinding(nameOf("by-slug"), { target: flow.slug, stage: stage.id, order: 1, connection });
  const fixedData = pulumi.secret({ email: "jane@example.com" });
  new authentik.Invitation(nameOf("jane"), { flow: flow.id, validFor: "14d", fixedData, connection });
  new authentik.Invitation(nameOf("any-flow"), { expires: "2036-01-01T00:00:00+02:00", connection });
  new authentik.InvitationBatch(nameOf("team"), { flow: flow.slug, validFor: "14d", invitations: { joe: {}, ann: { fixedData } }, connection });
`;

/** What a refresh shows of the resources, by line. */
async function refreshedLines(...command: readonly string[]): Promise<string[]> {
  const { code, output } = await fixture.project.pulumi(...command, "--diff", "--suppress-progress");
  expect([code, output]).toEqual([0, expect.stringContaining("unchanged")]);
  // Pulumi lists what a resource's option `hideDiffs` names whether it changed or not, as here for a batch.
  const isHidden = (line: string): boolean => /\(hidden\)$|(Stack|InvitationBatch): \(refresh\)$/.test(line);
  return output.split("\n").filter((line) => /^ *[~+-] /.test(line) && !isHidden(line));
}

test("a refresh after `pulumi up` shows nothing, also if other resources were added to the flow", async () => {
  const { project } = fixture;
  const others = `
    new authentik.FlowStageBinding(nameOf("again"), { target: flow.id, stage: stage.id, order: 2, connection });
    new authentik.Invitation(nameOf("joe"), { flow: flow.id, validFor: "14d", connection });`;
  for (const program of [resources, resources + others]) {
    await project.write(createProgram(program));
    await project.up();
    expect(await refreshedLines("preview", "--refresh", "--expect-no-changes")).toEqual([]);
  }
  expect(await refreshedLines("refresh", "--yes")).toEqual([]);
});
