import { execFile } from "node:child_process";
import { dirname, join } from "node:path";

jest.setTimeout(60_000);

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const leak = "A token, an invitation's pk or a value that a test declares as a secret was found in:";

interface Run {
  readonly code: number;
  readonly output: string;
}

/** Runs jest on files in the folder `leaks`, with this project's configuration. */
async function runJest(...files: string[]): Promise<Run> {
  const config: Record<string, unknown> = require(join(root, "jest.config.js"));
  const testMatch = files.map((file) => `<rootDir>/test/secrecy/leaks/${file}.ts`);
  const args = [
    require.resolve("jest/bin/jest"),
    "--runInBand",
    "--config",
    // Without the global setup, which rebuilds `dist` while other tests use it.
    JSON.stringify({ ...config, globalSetup: null, rootDir: root, testMatch }),
  ];
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

test("fails each test file whose processes or states leak a secret, and no other", async () => {
  const { code, output } = await runJest("process", "link", "state", "child", "canary", "plan", "exempt");
  expect(code).toBe(1);
  for (const [file, source] of [
    ["process", "the output of echo id=…"],
    ["link", "the output of sh -c echo 'https://authentik.test/if/flow/x/?itoken=…"],
    ["state", "/.pulumi/stacks/dev.json, after true"],
    ["child", "the output of node -e "],
    ["canary", "the output of echo "],
    ["plan", "/plan.json, after true"],
  ]) {
    expect(output).toContain(`FAIL test/secrecy/leaks/${file}.ts`);
    expect(output).toContain(source);
  }
  expect(output.split(leak)).toHaveLength(6 + 1);
  expect(output).toContain("PASS test/secrecy/leaks/exempt.ts");
});

test("fails a run in which a test prints a secret", async () => {
  const { code, output } = await runJest("console", "exempt");
  expect(code).toBe(1);
  expect(output).toContain(leak);
  expect(output).toContain("  the output of jest");
});
