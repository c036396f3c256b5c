import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
});

interface LockedPackage {
  version?: string;
  integrity?: string;
  optional?: boolean;
}

/** A clone with two dependencies, one of them for another platform, and a fake npm that logs its arguments. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), "setup-"));
  readonly packages: Record<string, LockedPackage> = {
    "": { version: "1.0.0" },
    "node_modules/ms": { version: "2.1.3", integrity: "sha512-ms" },
    "node_modules/elsewhere": { version: "1.0.0", optional: true },
  };

  constructor() {
    folders.push(this.folder);
    mkdirSync(join(this.folder, "scripts"));
    copyFileSync(join(__dirname, "..", "scripts", "setup.mjs"), join(this.folder, "scripts", "setup.mjs"));
    this.writeLockfile();
    this.addNpm(`
      mkdirSync("node_modules/ms", { recursive: true });
      writeFileSync("node_modules/ms/package.json", "{}");
      const { "": root, "node_modules/elsewhere": elsewhere, ...packages } = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
      writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
      console.log("noise");`);
  }

  writeLockfile(): void {
    this.write("package-lock.json", JSON.stringify({ packages: this.packages }));
  }

  addNpm(script: string): void {
    this.write(
      "npm/npm-cli.js",
      `const { spawnSync } = require("node:child_process");
      const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
      appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
      ${script}`,
    );
  }

  write(file: string, content: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), content);
  }

  runSetup(): { status: number | null; output: string } {
    const env = { ...process.env, npm_execpath: join(this.folder, "npm", "npm-cli.js") };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(this.folder, "scripts", "setup.mjs")], {
      encoding: "utf8",
      env,
    });
    return { status, output: stdout + stderr };
  }

  listNpmCalls(): string[] {
    const log = join(this.folder, "npm.log");
    return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  }
}

const nothingToDo = { status: 0, output: "" };

test("installs a fresh clone once, without printing npm's output", () => {
  const clone = new Clone();
  const { status, output } = clone.runSetup();
  expect(status).toBe(0);
  expect(output).toMatch(/^Installing the dependencies \(npm ci\)\nInstalled in \d+ s\n$/);
  expect(clone.runSetup()).toEqual(nothingToDo);
  expect(clone.listNpmCalls()).toHaveLength(1);
  expect(clone.listNpmCalls()[0]).toMatch(/^ci --include=dev /);
});

test.each<[string, (clone: Clone) => void]>([
  [
    "package-lock.json has another version",
    ({ packages }) => Object.assign(packages, { "node_modules/ms": { version: "2.2.0" } }),
  ],
  [
    "package-lock.json has another hash",
    ({ packages }) => Object.assign(packages, { "node_modules/ms": { version: "2.1.3", integrity: "sha512-other" } }),
  ],
  ["a package folder was deleted", ({ folder }) => rmSync(join(folder, "node_modules", "ms"), { recursive: true })],
  ["the previous install was interrupted", ({ folder }) => rmSync(join(folder, "node_modules", ".package-lock.json"))],
])("installs again if %s", (_, change) => {
  const clone = new Clone();
  clone.runSetup();
  change(clone);
  clone.writeLockfile();
  expect(clone.runSetup().status).toBe(0);
  expect(clone.listNpmCalls()).toHaveLength(2);
  expect(clone.runSetup()).toEqual(nothingToDo);
});

test("accepts any hash of a package that has none in package-lock.json", () => {
  const clone = new Clone();
  clone.runSetup();
  clone.packages["node_modules/ms"] = { version: "2.1.3" };
  clone.writeLockfile();
  expect(clone.runSetup()).toEqual(nothingToDo);
});

test("prints npm's output and exits with code 1 if npm fails", () => {
  const clone = new Clone();
  clone.addNpm('console.log("out"); console.error("npm error network"); process.exit(3);');
  const { status, output } = clone.runSetup();
  expect(status).toBe(1);
  expect(output).toContain("out\nnpm error network\n");
  expect(output).toContain("Could not install the dependencies: npm ci exited with code 3.");
});

test("does not run again from a lifecycle script of npm ci", () => {
  const clone = new Clone();
  clone.addNpm('process.exit(spawnSync(process.execPath, ["scripts/setup.mjs"], { stdio: "inherit" }).status);');
  expect(clone.runSetup().status).toBe(0);
  expect(clone.listNpmCalls()).toHaveLength(1);
});
