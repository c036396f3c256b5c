/** A YAML program, killed at the moment at which a request arrives. Requires `npm run build`. */
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { Project } from "../engine/project";
import { invitations } from "../engine/server";
import { canary } from "../secrecy/canary";
import { Interruptions } from "./interruptions";
import { FailureProxy } from "./proxy";

jest.setTimeout(300_000);

const secret = canary();

let server: Authentik;
let other: Authentik;
let proxy: FailureProxy;
let project: Project;
let interruptions: Interruptions;

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
  interruptions = new Interruptions(project, proxy);
});

afterEach(async () => {
  await project.remove();
  await proxy.close();
  await server.close();
  await other.close();
});

const up = ["up", "--yes", "--skip-preview", "--suppress-progress"];

/** Kills a run once this many requests have been carried out. None of those that `isHeld` says gets a response. */
async function killDuring(method: "POST" | "PUT", number = 1, isHeld = (_path: string) => true): Promise<void> {
  await interruptions.killDuring(up, { method, number, isCarriedOut: true }, isHeld);
}

test("recovers what an explicit provider created, with that provider's settings", async () => {
  // The proxy's server is that of the explicit provider.
  await project.succeed("config", "set", "authentik-invitations:url", other.url);
  await project.succeed("config", "set", "--secret", "authentik-invitations:token", other.token);
  await project.succeed("config", "set", "--secret", "otherToken", server.token);
  // With --strict, the configuration has each URL.
  await project.succeed("config", "set", "otherUrl", proxy.url);
  await project.succeed("config", "set", "mirror", "https://mirror.example.com/plugins/");
  await project.writeYaml(`
config: { otherToken: { type: string, secret: true } }
resources:
  staging:
    type: pulumi:providers:authentik-invitations
    properties: { url: "${proxy.url}", token: "\${otherToken}" }
    options: { version: 0.1.0, pluginDownloadURL: "https://mirror.example.com/plugins/" }
  jane:
    type: authentik-invitations:Invitation
    properties: { validFor: 14d }
    options: { provider: "\${staging}" }
`);
  await killDuring("POST");
  expect(await recover()).toContain("It will be added to the state");
  expect(await project.stateText()).not.toContain("__provider");
  const [jane] = await invitations(server);
  expect((await project.state()).get("jane")).toMatchObject({
    id: invitationId(jane?.pk ?? ""),
    provider: expect.stringContaining("::staging::"),
  });
  await project.expectNoChanges("--refresh");
  expect(await invitations(other)).toEqual([]);
});

async function recover(): Promise<string> {
  return await interruptions.recover("--strict");
}

/** Authentik has exactly these invitations, the next preview changes nothing, and no invitation is without an owner. */
async function expectSettled(names: readonly string[]): Promise<void> {
  await project.expectNoChanges("--refresh");
  expect((await invitations(server)).map(({ name }) => name)).toEqual(names);
  const audit = await interruptions.audit();
  expect([audit.code, audit.output]).toEqual([0, audit.output]);
}

interface Declared {
  readonly singleUse?: boolean;
  /** Another one reissues all invitations. */
  readonly round?: number;
  readonly keys?: readonly string[];
}

function declare({ singleUse = false, round = 1, keys = ["ada"] }: Declared = {}): string {
  const resource = (name: string, type: string, inputs = ""): string => `
  ${name}:
    type: authentik-invitations:${type}
    properties:
      validFor: 14d
      singleUse: ${singleUse}
      keepers: { round: "${round}" }
      fixedData: { code: { fn::secret: ${secret} } }${inputs}`;
  const entries = keys.map((key) => `${key}: {}`).join(", ");
  return `resources:${resource("jane", "Invitation")}${resource("team", "InvitationBatch", `\n      invitations: { ${entries} }`)}\n`;
}

async function pksOnServer(): Promise<string[]> {
  return (await invitations(server)).map(({ pk }) => pk);
}

test("recovers killed updates and replacements, also one that moves dynamic resources to the plugin", async () => {
  await project.succeed("config", "set", "authentik:url", proxy.url);
  await project.succeed("config", "set", "--secret", "authentik:token", server.token);
  const inputs = `validFor: "14d", keepers: { round: "1" }, fixedData: { code: pulumi.secret("${secret}") }`;
  await project.write(`
    new authentik.Invitation("jane", { ${inputs} });
    new authentik.InvitationBatch("team", { ${inputs}, invitations: { ada: {} } });
  `);
  await project.up();
  const before = await pksOnServer();

  // In the state, the resources have the URNs of the dynamic ones.
  await project.writeYaml(declare({ round: 2, keys: ["ada", "bob"] }));
  await killDuring("POST", 3);
  const issued = (await pksOnServer()).filter((pk) => !before.includes(pk));
  expect(issued).toHaveLength(3);
  await recover();
  await project.up("--refresh");
  await expectSettled(["jane", "team-ada", "team-bob"]);
  // What the killed run issued is kept, and what it replaced is deleted.
  expect((await pksOnServer()).sort()).toEqual(issued.sort());

  await project.writeYaml(declare({ round: 2, keys: ["ada", "bob"], singleUse: true }));
  // Without any response, the provider would have two requests at most in flight, until their timeout.
  const jane = (await pksOnServer())[0] ?? "";
  await killDuring("PUT", 3, (path) => path.includes(jane));
  await recover();
  await project.succeed("refresh", "--yes", "--skip-preview");
  await expectSettled(["jane", "team-ada", "team-bob"]);
  expect((await invitations(server)).every(({ single_use }) => single_use)).toBe(true);
  expect((await pksOnServer()).sort()).toEqual(issued);
  await project.destroy();
  expect(await invitations(server)).toEqual([]);
});
