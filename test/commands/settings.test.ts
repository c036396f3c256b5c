import { chmod } from "node:fs/promises";
import { delimiter } from "node:path";
import { Authentik } from "../../sandbox";
import { closeServers, type RunningServer, sendJson, startServer } from "../unit/support/server";
import { type CommandResult, runCommand, StateFolder, stateOf } from "./fixture";

jest.setTimeout(60_000);

const gatewayKey = "g4teway-k3y";

/** A gateway in front of authentik that requires a header. */
async function startGateway(target: Authentik): Promise<RunningServer> {
  return await startServer(async ({ headers, path }, response) => {
    if (headers["x-gateway-key"] !== gatewayKey) {
      sendJson(response, 401, { message: "No API key found in request" });
      return;
    }
    const answer = await fetch(`${target.url}${path}`, { headers: { authorization: headers.authorization ?? "" } });
    sendJson(response, answer.status, await answer.json());
  });
}

describe("the commands read the settings of the stack, as the provider does", () => {
  let authentik: Authentik;
  let gateway: RunningServer;
  let folder: StateFolder;

  beforeAll(async () => {
    authentik = await Authentik.start();
    gateway = await startGateway(authentik);
    folder = await StateFolder.create();
    await folder.write("Pulumi.yaml", "name: team\nruntime: nodejs\n");
    await folder.write("state.json", stateOf([]));
  });
  afterAll(async () => {
    await closeServers();
    await authentik.close();
    await folder.remove();
  });

  /** Runs a command in a project whose stacks have this configuration. Without one, no stack is selected. */
  async function run(
    args: readonly string[],
    config: Record<string, string> | undefined,
    env: Record<string, string> = {},
  ): Promise<CommandResult> {
    const values = Object.fromEntries(Object.entries(config ?? {}).map(([key, value]) => [key, { value }]));
    await folder.write("config.json", values);
    const pulumi =
      config === undefined
        ? "#!/bin/sh\necho 'error: no stack selected' >&2\nexit 255\n"
        : '#!/bin/sh\ncase "$*" in *config*) cat config.json ;; "stack ls"*) echo "[]" ;; *) cat state.json ;; esac\n';
    await chmod(await folder.write("pulumi", pulumi), 0o755);
    const path = { PATH: `${folder.path}${delimiter}${process.env["PATH"]}` };
    return await runCommand(args, { cwd: folder.path, env: { ...path, ...env } });
  }

  const settingsOf = (connection: string): Record<string, string> => ({
    [`${connection}:url`]: gateway.url,
    [`${connection}:token`]: authentik.token,
    [`${connection}:headers`]: JSON.stringify({ "X-Gateway-Key": gatewayKey }),
  });
  const exportArgs = ["export", "--flow", "default-source-enrollment"];

  test.each([["export"], ["audit"]])("%s, with the headers that a gateway requires", async (command) => {
    const args = command === "export" ? exportArgs : ["audit"];
    const wrong = { AUTHENTIK_URL: "http://127.0.0.1:9", AUTHENTIK_TOKEN: "wrong" };
    expect(await run(args, settingsOf("authentik"), wrong)).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^AUTHENTIK_TOKEN is ignored, .*\n$/),
    });
    const { "authentik:headers": _, ...withoutHeaders } = settingsOf("authentik");
    const { code, stderr } = await run(args, withoutHeaders);
    expect(code).toBe(1);
    expect(stderr).toContain("A gateway or proxy in front of it denied access. Check authentik:headers");
  });

  test("export --connection, and the program uses that connection", async () => {
    const { stdout, ...result } = await run([...exportArgs, "--connection", "eu"], settingsOf("eu"));
    expect(result).toEqual({ code: 0, stderr: "" });
    const resources = stdout.match(/new authentik\.\w+\(/g) ?? [];
    expect(resources.length).toBeGreaterThan(1);
    expect(stdout.match(/ {4}connection: "eu",/g)).toHaveLength(resources.length);
    expect(stdout).not.toMatch(/getStageOutput\((?!.*connection: "eu")/);
  });

  test("a setting of another connection is not read from the environment", async () => {
    const env = { AUTHENTIK_URL: authentik.url, AUTHENTIK_TOKEN: authentik.token };
    const { code, stderr } = await run([...exportArgs, "--connection", "eu"], {}, env);
    expect(code).toBe(1);
    expect(stderr).toContain("Set it with `pulumi config set eu:url https://authentik.example.com`.");
  });

  test("export uses the environment if no stack is selected", async () => {
    const env = { AUTHENTIK_URL: authentik.url, AUTHENTIK_TOKEN: authentik.token };
    expect(await run(exportArgs, undefined, env)).toMatchObject({ code: 0, stderr: "" });
    expect((await run(exportArgs, undefined)).stderr).toContain("authentik's URL is not set.");
  });

  test.each(["--stack", "--connection"])("%s must be a name", async (option) => {
    expect(await run([...exportArgs, option, "a;b"], {})).toMatchObject({ code: 2 });
  });
});
