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

interface Locked {
  version?: string;
  integrity?: string;
  optional?: boolean;
}

/** A clone with two dependencies, one of which is for another platform, and an npm that notes how it was called. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), "setup-"));
  readonly packages: Record<string, Locked> = {
    "": { version: "1.0.0" },
    "node_modules/ms": { version: "2.1.3", integrity: "sha512-ms" },
    "node_modules/elsewhere": { version: "1.0.0", optional: true },
  };

  constructor() {
    folders.push(this.folder);
    mkdirSync(join(this.folder, "test"));
    copyFileSync(join(__dirname, "setup.mjs"), join(this.folder, "test", "setup.mjs"));
    this.lock();
    this.npm(`
      mkdirSync("node_modules/ms", { recursive: true });
      writeFileSync("node_modules/ms/package.json", "{}");
      const { "": root, "node_modules/elsewhere": elsewhere, ...packages } = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
      writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
      console.log("noise");`);
  }

  lock(): void {
    this.write("package-lock.json", JSON.stringify({ packages: this.packages }));
  }

  npm(script: string): void {
    this.write(
      "npm/npm-cli.js",
      `const { spawnSync } = require("node:child_process");
      const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
      appendFileSync("npm.log", process.argv.slice(2).join(" ") + "\\n");
      ${script}`,
    );
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.folder, file)), { recursive: true });
    writeFileSync(join(this.folder, file), text);
  }

  setup(): { status: number | null; said: string } {
    const env = { ...process.env, npm_execpath: join(this.folder, "npm", "npm-cli.js") };
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(this.folder, "test", "setup.mjs")], {
      encoding: "utf8",
      env,
    });
    return { status, said: stdout + stderr };
  }

  calls(): string[] {
    const log = join(this.folder, "npm.log");
    return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  }
}

const nothingToDo = { status: 0, said: "" };

test("a fresh clone is installed, with npm's noise kept back; then there is nothing more to do", () => {
  const clone = new Clone();
  const { status, said } = clone.setup();
  expect(status).toBe(0);
  expect(said).toMatch(/^Installing the dependencies \(npm ci\)\nInstalled after \d+ s\n$/);
  expect(clone.setup()).toEqual(nothingToDo);
  expect(clone.calls()).toHaveLength(1);
  expect(clone.calls()[0]).toMatch(/^ci --include=dev /);
});

test.each<[string, (clone: Clone) => void]>([
  ["asks for another version", ({ packages }) => Object.assign(packages, { "node_modules/ms": { version: "2.2.0" } })],
  [
    "asks for another content",
    ({ packages }) => Object.assign(packages, { "node_modules/ms": { version: "2.1.3", integrity: "sha512-other" } }),
  ],
  [
    "no longer finds a package's folder",
    ({ folder }) => rmSync(join(folder, "node_modules", "ms"), { recursive: true }),
  ],
  ["meets an install that was cut off", ({ folder }) => rmSync(join(folder, "node_modules", ".package-lock.json"))],
])("it is installed again where package-lock.json %s", (_, change) => {
  const clone = new Clone();
  clone.setup();
  change(clone);
  clone.lock();
  expect(clone.setup().status).toBe(0);
  expect(clone.calls()).toHaveLength(2);
  expect(clone.setup()).toEqual(nothingToDo);
});

test("a package without a hash in package-lock.json is fine with the one that npm met", () => {
  const clone = new Clone();
  clone.setup();
  clone.packages["node_modules/ms"] = { version: "2.1.3" };
  clone.lock();
  expect(clone.setup()).toEqual(nothingToDo);
});

test("a failure shows what npm said, and fails", () => {
  const clone = new Clone();
  clone.npm('console.log("out"); console.error("npm error network"); process.exit(3);');
  const { status, said } = clone.setup();
  expect(status).toBe(1);
  expect(said).toContain("out\nnpm error network\n");
  expect(said).toContain("The dependencies could not be installed: npm ci ended with 3.");
});

test("a lifecycle script that comes back to it does not start another", () => {
  const clone = new Clone();
  clone.npm('process.exit(spawnSync(process.execPath, ["test/setup.mjs"], { stdio: "inherit" }).status);');
  expect(clone.setup().status).toBe(0);
  expect(clone.calls()).toHaveLength(1);
});
