import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Authentik, type AuthentikVersion } from "../../sandbox";
import { preload } from "../engine/project";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const lists = ["/api/v3/stages/invitation/invitations/", "/api/v3/stages/invitation/stages/"];

let authentik: Authentik | undefined;
let temporary: string;

beforeEach(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), "live-test-")));
});

afterEach(async () => {
  await authentik?.close();
  authentik = undefined;
  await rm(temporary, { recursive: true, force: true });
});

interface RunResult {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the live tests. Calls `watch` with the output so far whenever there is more. */
async function runLive(
  env: Readonly<Record<string, string>>,
  watch: (output: string, live: ChildProcess) => void = () => {},
): Promise<RunResult> {
  const { AUTHENTIK_URL: _url, AUTHENTIK_TOKEN: _token, ...otherVariables } = process.env;
  const live = spawn(process.execPath, [join(root, "build", "scripts", "live", "main.js")], {
    env: { ...otherVariables, TMPDIR: temporary, NODE_OPTIONS: preload, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const append = (chunk: Buffer): void => {
    output += String(chunk);
    watch(output, live);
  };
  live.stdout.on("data", append);
  live.stderr.on("data", append);
  const code = await new Promise<number | null>((resolve) => live.on("close", resolve));
  return { code, output };
}

/** Starts a server that already has an invitation and a stage. The runs that fail are those against the oldest version. */
async function startServer(
  version: AuthentikVersion = "2024.8",
): Promise<{ env: Record<string, string>; before: unknown[] }> {
  authentik = await Authentik.start({ version });
  await authentik.request("POST", lists[0] ?? "", { name: "live-of-another-user", expires: "2036-01-01T00:00:00Z" });
  await authentik.request("POST", lists[1] ?? "", { name: "a stage of another user" });
  return { env: { AUTHENTIK_URL: authentik.url, AUTHENTIK_TOKEN: authentik.token }, before: await listObjects() };
}

async function listObjects(): Promise<unknown[]> {
  return await Promise.all(lists.map(async (path) => (await authentik?.request("GET", path))?.body));
}

test("passes, and leaves existing objects unchanged", async () => {
  const { env, before } = await startServer("2026.5");
  const { code, output } = await runLive(env);
  expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
  expect(output).toMatch(/All 11 steps passed in \d+ s\.\n$/);
  expect(output).not.toContain(env["AUTHENTIK_TOKEN"]);
  expect(await listObjects()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
}, 240_000);

test("deletes its objects and exits with 1 after a failure", async () => {
  const { env, before } = await startServer();
  // authentik creates the stages all the same, so that there is something to delete, whatever the engine creates before it stops.
  const failure = { when: "after", status: 400, body: "{}", times: 100 } as const;
  authentik?.injectFailure({ method: "POST", path: /\/invitation\/stages\//, ...failure });
  const { code, output } = await runLive(env);
  expect(code).toBe(1);
  expect(output).toContain("pulumi up --yes --skip-preview exited with code ");
  expect(output).toMatch(/Cleaned up: deleted \d+ objects whose names start with live-[0-9a-f]{6}-\./);
  expect(output).not.toContain("    at ");
  expect(await listObjects()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
}, 120_000);

test("fails if Pulumi does not show a change as drift", async () => {
  const { env, before } = await startServer();
  // The server accepts the admin's changes without carrying them out.
  authentik?.injectFailure({ method: "PATCH", status: 200, body: "{}", times: 100 });
  const { code, output } = await runLive(env);
  expect(code).toBe(1);
  expect(output).toContain("Wrong drift: ");
  expect(output).toContain("singleUse: false => true is missing");
  expect(await listObjects()).toEqual(before);
}, 120_000);

test("deletes its objects after Ctrl+C", async () => {
  const { env, before } = await startServer();
  let interrupted = false;
  const { code, output } = await runLive(env, (soFar, live) => {
    if (interrupted || !soFar.includes("pulumi preview --expect-no-changes")) return;
    interrupted = true;
    live.kill("SIGINT");
  });
  expect(code).toBe(130);
  expect(output).toMatch(/Cleaned up: deleted 6 objects whose names start with live-[0-9a-f]{6}-\./);
  expect(await listObjects()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
}, 120_000);

test.each([
  [{}, "Set AUTHENTIK_URL to its URL and AUTHENTIK_TOKEN to an API token"],
  [{ AUTHENTIK_URL: "http://127.0.0.1:1" }, "AUTHENTIK_TOKEN"],
  [{ AUTHENTIK_URL: "http://127.0.0.1:1", AUTHENTIK_TOKEN: "a" }, "Cannot reach authentik"],
])(
  "reports missing settings and an unreachable server: %j",
  async (env, message) => {
    const { code, output } = await runLive(env);
    expect(code).toBe(1);
    expect(output).toContain(message);
    expect(output).not.toContain("    at ");
    expect(await readdir(temporary)).toEqual([]);
  },
  30_000,
);
