import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Authentik } from "../sandbox";

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

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the live tests; `watch` sees all that they have printed so far. */
async function runLive(
  env: Readonly<Record<string, string>>,
  watch: (output: string, live: ChildProcess) => void = () => {},
): Promise<Ended> {
  const { AUTHENTIK_URL: _url, AUTHENTIK_TOKEN: _token, ...others } = process.env;
  const live = spawn(process.execPath, [join(root, "build", "test", "live", "main.js")], {
    env: { ...others, TMPDIR: temporary, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const note = (text: Buffer): void => {
    output += String(text);
    watch(output, live);
  };
  live.stdout.on("data", note);
  live.stderr.on("data", note);
  const code = await new Promise<number | null>((resolve) => live.on("close", resolve));
  return { code, output };
}

/** A server that others use: they have an invitation and a stage there. */
async function startUsed(version: "2024.8" | "2026.2"): Promise<{ env: Record<string, string>; before: unknown[] }> {
  authentik = await Authentik.start({ version });
  await authentik.request("POST", lists[0] ?? "", { name: "live-of-somebody", expires: "2036-01-01T00:00:00Z" });
  await authentik.request("POST", lists[1] ?? "", { name: "a stage of somebody" });
  return { env: { AUTHENTIK_URL: authentik.url, AUTHENTIK_TOKEN: authentik.token }, before: await holdings() };
}

async function holdings(): Promise<unknown[]> {
  return await Promise.all(lists.map(async (path) => (await authentik?.request("GET", path))?.body));
}

test.each(["2024.8", "2026.2"] as const)(
  "All of it passes against authentik %s, and others keep what they have",
  async (version) => {
    const { env, before } = await startUsed(version);
    const { code, output } = await runLive(env);
    expect({ code, output: code === 0 ? "" : output }).toEqual({ code: 0, output: "" });
    expect(output).toMatch(/All went as it should: 13 steps in \d+ s\.\n$/);
    expect(output).not.toContain(env["AUTHENTIK_TOKEN"]);
    expect(await holdings()).toEqual(before);
    expect(await readdir(temporary)).toEqual([]);
  },
  240_000,
);

test("After a failure nothing is left, and the exit code tells", async () => {
  const { env, before } = await startUsed("2026.2");
  authentik?.fail({ method: "PUT", status: 500, times: 100 });
  const { code, output } = await runLive(env);
  expect(code).toBe(1);
  expect(output).toContain("pulumi up --refresh --yes --skip-preview ended with ");
  expect(output).toMatch(/Cleaned up: \d+ that began with live-[0-9a-f]{6}- deleted\./);
  expect(output).not.toContain("    at ");
  expect(await holdings()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
}, 120_000);

test("A change that goes unnoticed is told", async () => {
  const { env, before } = await startUsed("2026.2");
  // The admin's changes are taken, and do nothing.
  authentik?.fail({ method: "PATCH", status: 200, body: "{}", times: 100 });
  const { code, output } = await runLive(env);
  expect(code).toBe(1);
  expect(output).toContain("The drift is not shown: ");
  expect(output).toContain("singleUse: false => true is missing");
  expect(await holdings()).toEqual(before);
}, 120_000);

test("After Ctrl+C nothing is left", async () => {
  const { env, before } = await startUsed("2026.2");
  let interrupted = false;
  const { code, output } = await runLive(env, (soFar, live) => {
    if (interrupted || !soFar.includes("pulumi preview --expect-no-changes")) return;
    interrupted = true;
    live.kill("SIGINT");
  });
  expect(code).toBe(130);
  expect(output).toMatch(/Cleaned up: 6 that began with live-[0-9a-f]{6}- deleted\./);
  expect(await holdings()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
}, 120_000);

test.each([
  [{}, "set AUTHENTIK_URL to its address and AUTHENTIK_TOKEN to an API token"],
  [{ AUTHENTIK_URL: "http://127.0.0.1:1" }, "AUTHENTIK_TOKEN"],
  [{ AUTHENTIK_URL: "http://127.0.0.1:1", AUTHENTIK_TOKEN: "a" }, "authentik cannot be reached"],
])(
  "Without an authentik it says what it needs: %j",
  async (env, sentence) => {
    const { code, output } = await runLive(env);
    expect(code).toBe(1);
    expect(output).toContain(sentence);
    expect(output).not.toContain("    at ");
    expect(await readdir(temporary)).toEqual([]);
  },
  30_000,
);
