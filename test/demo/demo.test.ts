import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { drawDriftPreview, driftPreviewPath } from "../docs/drift-preview";
import { descendants } from "./processes";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

/** Its temporary files go here. */
let temporary: string;
let before: string[];

beforeEach(async () => {
  temporary = await realpath(await mkdtemp(join(tmpdir(), "demo-test-")));
  before = await workTree();
});

afterEach(async () => {
  await rm(temporary, { recursive: true, force: true });
});

/** All that a `pulumi` could write to: its settings beside Pulumi.yaml, and the program's folder. */
async function workTree(): Promise<string[]> {
  const settings = (await readdir(root)).filter((name) => name.startsWith("Pulumi"));
  return [...settings, ...(await readdir(join(root, "examples"), { recursive: true }))].sort();
}

interface RunningDemo {
  readonly demo: ChildProcess;
  /** What it has printed so far, without colors. */
  readonly output: () => string;
  readonly coloredOutput: () => string;
  readonly ended: Promise<number | null>;
}

function startDemo(): RunningDemo {
  const demo = spawn(process.execPath, [join(root, "build", "test", "demo", "main.js")], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary, FORCE_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const note = (text: Buffer): void => {
    output += String(text);
  };
  demo.stdout.on("data", note);
  demo.stderr.on("data", note);
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

test("The demo tells its story and leaves nothing behind", async () => {
  const { output, coloredOutput, ended } = startDemo();
  const code = await ended;
  expect({ code, output: code === 0 ? "" : output() }).toEqual({ code: 0, output: "" });
  const lines = output().split("\n");
  for (const line of [
    "$ pulumi up --yes --skip-preview",
    "    + 5 created",
    "$ pulumi stack output links --show-secrets",
    "$ pulumi preview --expect-no-changes",
    "    5 unchanged",
    "$ pulumi preview --refresh --diff --expect-no-changes",
    '              ~ role: "lead" => "admin"',
    "      ~ singleUse: true => false",
    '      ~ expires  : "2030-12-31T23:59:59Z" => "2031-12-31T23:59:59Z"',
    "    + pulumi-nodejs:dynamic/authentik:Invitation: (create)",
    "$ pulumi up --refresh --yes --skip-preview",
    "    ~ 2 updated",
    "$ pulumi preview --refresh --expect-no-changes",
    "$ pulumi destroy --yes --skip-preview",
    "    - 5 deleted",
  ]) {
    expect(lines).toContain(line);
  }
  expect(output()).toContain("Exit code 7:");
  expect(output()).toMatch(/\/if\/flow\/default-source-enrollment\/\?itoken=[0-9a-f-]{36}/);
  expect(await readdir(temporary)).toEqual([]);
  expect(await workTree()).toEqual(before);
  // Fails if the picture is outdated: run `npm run docs` and commit it.
  expect(await drawDriftPreview(coloredOutput())).toBe(await readFile(join(root, driftPreviewPath), "utf8"));
}, 180_000);

test.each([
  ["SIGTERM", "$ pulumi stack init", 143],
  ["SIGINT", "authentik:Invitation quick-start-lead created", 130],
  ["SIGINT", "$ pulumi preview --refresh --diff", 130],
] as const)(
  "%s after »%s« ends it, with all that it started",
  async (signal, moment, expected) => {
    const { demo, output, ended } = startDemo();
    const started = new Set<number>();
    let done = false;
    void ended.then(() => {
      done = true;
    });
    let signalled = false;
    while (!done) {
      for (const pid of descendants(demo.pid)) started.add(pid);
      if (!signalled && output().includes(moment)) {
        demo.kill(signal);
        signalled = true;
      }
      await sleep(20);
    }
    expect({ signalled, code: await ended }).toEqual({ signalled: true, code: expected });
    expect(output()).toContain(`Interrupted by ${signal}; everything is cleaned up.`);
    expect(started.size).toBeGreaterThan(0);
    // Who was killed may need a moment until the system has noted it.
    for (let waited = 0; waited < 2000 && [...started].some(isAlive); waited += 50) await sleep(50);
    expect([...started].filter(isAlive)).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
    expect(await workTree()).toEqual(before);
  },
  120_000,
);
