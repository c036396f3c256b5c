import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { findDescendants } from "../../scripts/demo/processes";
import { drawDriftPreview, driftPreviewPath } from "../../scripts/docs/drift-preview";
import { preload } from "../engine/project";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

/** The demo writes its temporary files here. */
let temporary: string;
let filesBefore: string[];

beforeEach(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), "demo-test-")));
  filesBefore = await listFiles();
});

afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
});

/** Files where a `pulumi` in the work tree would leave traces: stack settings next to Pulumi.yaml, and the program's folder. */
async function listFiles(): Promise<string[]> {
  const settingsFiles = (await readdir(root)).filter((name) => name.startsWith("Pulumi"));
  return [...settingsFiles, ...(await readdir(join(root, "examples"), { recursive: true }))].sort();
}

interface RunningDemo {
  readonly demo: ChildProcess;
  /** What it has printed so far, without colors. */
  readonly output: () => string;
  readonly coloredOutput: () => string;
  readonly ended: Promise<number | null>;
}

function startDemo(): RunningDemo {
  const demo = spawn(process.execPath, [join(root, "build", "scripts", "demo", "main.js")], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary, FORCE_COLOR: "1", NODE_OPTIONS: preload },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const append = (chunk: Buffer): void => {
    output += String(chunk);
  };
  demo.stdout.on("data", append);
  demo.stderr.on("data", append);
  const ended = new Promise<number | null>((resolve) => demo.on("close", resolve));
  return { demo, output: () => stripVTControlCharacters(output), coloredOutput: () => output, ended };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("creates, enrolls an invitee, detects drift, repairs, emails a link, moves to YAML and destroys, and leaves nothing behind", async () => {
  const { output, coloredOutput, ended } = startDemo();
  const code = await ended;
  expect({ code, output: code === 0 ? "" : output() }).toEqual({ code: 0, output: "" });
  const lines = output().split("\n");
  for (const line of [
    "$ pulumi up --yes --skip-preview",
    "    + 12 created",
    "$ pulumi stack output links --show-secrets",
    '* authentik creates the account sam, with the data of the invitation: team "backend".',
    "$ pulumi preview --expect-no-changes",
    "    12 unchanged",
    "$ pulumi preview --refresh --diff --expect-no-changes",
    '              ~ role: "lead" => "admin"',
    "      ~ singleUse: true => false",
    '      ~ expires  : "2030-12-31T23:59:59Z" => "2031-12-31T23:59:59Z"',
    "    + pulumi-nodejs:dynamic/authentik:Invitation: (create)",
    "$ pulumi up --refresh --yes --skip-preview",
    "    ~ 2 updated",
    "$ pulumi preview --refresh --expect-no-changes",
    "$ pulumi up --yes --skip-preview --cwd email",
    '* authentik creates the account alex, with the data of the invitation: team "frontend".',
    "$ pulumi destroy --yes --skip-preview --cwd email",
    "* The resources, their ids and their links are the same. The plugin manages them from now on.",
    "$ pulumi destroy --yes --skip-preview",
    "    - 12 deleted",
  ]) {
    expect(lines).toContain(line);
  }
  expect(output()).toContain("Exit code 7:");
  expect(output()).toContain("authentik-invitations:index:Flow quick-start deleted");
  expect(output()).toMatch(
    /An email arrives at alex@example\.com: "You have been invited to .*\/if\/flow\/quick-start\/\?itoken=[0-9a-f-]{36}/,
  );
  expect(output()).toMatch(/\/if\/flow\/quick-start\/\?itoken=[0-9a-f-]{36}/);
  expect(await readdir(temporary)).toEqual([]);
  expect(await listFiles()).toEqual(filesBefore);
  // Fails if the picture is outdated: run `npm run docs` and commit it.
  expect(await drawDriftPreview(coloredOutput())).toBe(await readFile(join(root, driftPreviewPath), "utf8"));
}, 240_000);

test.each([
  ["SIGTERM", "$ pulumi stack init", 143],
  ["SIGINT", "authentik:Invitation quick-start-lead created", 130],
] as const)(
  "%s after '%s' ends the demo and all its processes",
  async (signal, lastOutput, exitCode) => {
    const { demo, output, ended } = startDemo();
    const pids = new Set<number>();
    let hasEnded = false;
    void ended.then(() => {
      hasEnded = true;
    });
    let isSignaled = false;
    while (!hasEnded) {
      for (const pid of findDescendants(demo.pid)) pids.add(pid);
      if (!isSignaled && output().includes(lastOutput)) {
        demo.kill(signal);
        isSignaled = true;
      }
      await sleep(20);
    }
    expect({ isSignaled, code: await ended }).toEqual({ isSignaled: true, code: exitCode });
    expect(output()).toContain(`Interrupted by ${signal}. Everything was cleaned up.`);
    expect(pids.size).toBeGreaterThan(0);
    // The system may need a moment to reap killed processes.
    for (let waited = 0; waited < 2000 && [...pids].some(isAlive); waited += 50) await sleep(50);
    expect([...pids].filter(isAlive)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
    expect(await listFiles()).toEqual(filesBefore);
  },
  120_000,
);
