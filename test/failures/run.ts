import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Door } from "../unit/support/doors";
import { trustedCa } from "./certificates";
import type { Row } from "./matrix";

/** The directory of the package under test. Its build in `dist` is tested, so run `npm run build` first. */
export const packageRoot = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

export interface MatrixRun {
  readonly rows: readonly Row[];
  readonly stderr: string;
}

/** Runs the matrix of failures in another process, which trusts the CA of the tests and has none of the user's settings. */
export async function runMatrixProcess(door: Door): Promise<MatrixRun> {
  return await withTrustedCa(async (trust) => {
    const env = { PATH: process.env["PATH"], PULUMI_PROJECT: "team", ...trust };
    const main = join(packageRoot, "build", "test", "failures", "main.js");
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, [main, door], { env, maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`The matrix of failures ended with an error: ${stderr}`, { cause: error }));
        else resolve({ rows: JSON.parse(stdout) as Row[], stderr });
      });
    });
  });
}

/** Calls `run` with the environment of a process that trusts the CA of the tests. */
export async function withTrustedCa<T>(run: (environment: Record<string, string>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "authentik-failures-"));
  const caFile = join(folder, "ca.pem");
  try {
    await writeFile(caFile, trustedCa);
    return await run({ NODE_EXTRA_CA_CERTS: caFile });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
