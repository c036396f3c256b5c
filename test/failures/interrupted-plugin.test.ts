/** A YAML program, killed at the moment at which a request arrives. Requires `npm run build`. */
import { setTimeout as sleep } from "node:timers/promises";
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { findDescendants, killAll } from "../../scripts/demo/processes";
import { Project } from "../engine/project";
import { invitations, invitationsPath } from "../engine/server";
import { canary } from "../secrecy/canary";
import { FailureProxy } from "./proxy";

jest.setTimeout(300_000);

const secret = canary();

let server: Authentik;
let other: Authentik;
let proxy: FailureProxy;
let project: Project;

beforeEach(async () => {
  server = await Authentik.start();
  other = await Authentik.start();
  proxy = await FailureProxy.start(server.url);
  project = await Project.create("", {
    plugin: true,
    config: {
      "authentik-invitations:url": proxy.url,
      "authentik-invitations:token": { secret: server.token },
      otherToken: { secret: other.token },
    },
  });
});

afterEach(async () => {
  await project.remove();
  await proxy.close();
  await server.close();
  await other.close();
});

/** Kills `pulumi` and all of its processes once the request has been carried out, before its response arrives. */
async function killDuringCreate(path: string): Promise<void> {
  const { child, run } = project.start("up", "--yes", "--skip-preview", "--suppress-progress");
  let isHeld = true;
  proxy.script({
    matches: (method, requestPath) => method === "POST" && requestPath === path,
    times: 1,
    handle: async (exchange) => {
      proxy.script({ matches: () => isHeld, handle: () => undefined });
      await exchange.forward();
      // Between two writes of the state, as test/failures/interrupted-runs.test.ts does.
      for (let last: string | undefined; ; ) {
        const state = await project.stateText();
        if (state !== "" && state === last) break;
        last = state;
        await sleep(300);
      }
      killAll([child.pid ?? 0, ...findDescendants(child.pid ?? 0)]);
    },
  });
  await run;
  isHeld = false;
}

test.each([
  [
    "an invitation",
    `type: authentik-invitations:Invitation
    properties: { validFor: 14d, fixedData: { code: { fn::secret: ${secret} } } }`,
  ],
  [
    "a batch",
    `type: authentik-invitations:InvitationBatch
    properties: { validFor: 14d, fixedData: { code: { fn::secret: ${secret} } }, invitations: { ada: {} } }`,
  ],
])("recovers %s of a killed run, and the next preview creates nothing", async (_, resource) => {
  await project.writeYaml(`resources:\n  staff:\n    ${resource}\n`);
  await killDuringCreate(invitationsPath);
  const issued = await invitations(server);
  expect(issued).toHaveLength(1);
  expect((await project.runCommand("audit")).output).toContain("interrupted, run `recover`");
  await project.succeed("cancel", "--yes");
  const recovered = await project.runCommand("recover", "--yes", "--strict");
  expect(recovered).toMatchObject({ code: 0, output: expect.stringContaining("It will be added to the state") });
  const state = await project.stateText();
  for (const hidden of [secret, server.token, ...issued.map(({ pk }) => pk)]) {
    expect(state).not.toContain(hidden);
    expect(recovered.output).not.toContain(hidden);
  }
  expect(state).not.toContain("__provider");
  const preview = await project.preview("--refresh", "--expect-no-changes");
  expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("unchanged")]);
  await project.up("--refresh");
  expect(await invitations(server)).toEqual(issued);
  expect((await project.runCommand("audit")).code).toBe(0);
  await project.destroy();
  expect(await invitations(server)).toEqual([]);
});

test("recovers what an explicit provider created, with that provider's settings", async () => {
  // The proxy's server is that of the explicit provider.
  await project.succeed("config", "set", "authentik-invitations:url", other.url);
  await project.succeed("config", "set", "--secret", "authentik-invitations:token", other.token);
  await project.succeed("config", "set", "--secret", "otherToken", server.token);
  await project.writeYaml(`
config: { otherToken: { type: string, secret: true } }
resources:
  staging:
    type: pulumi:providers:authentik-invitations
    properties: { url: "${proxy.url}", token: "\${otherToken}" }
  jane:
    type: authentik-invitations:Invitation
    properties: { validFor: 14d }
    options: { provider: "\${staging}" }
`);
  await killDuringCreate(invitationsPath);
  await project.succeed("cancel", "--yes");
  const { code, output } = await project.runCommand("recover", "--yes");
  expect([code, output]).toEqual([0, expect.stringContaining("It will be added to the state")]);
  const [jane] = await invitations(server);
  expect((await project.state()).get("jane")).toMatchObject({
    id: invitationId(jane?.pk ?? ""),
    provider: expect.stringContaining("::staging::"),
  });
  expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  expect(await invitations(other)).toEqual([]);
});
