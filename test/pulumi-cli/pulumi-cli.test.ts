import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { transformFileSync } from "@swc/core";
import { findPulumi, type PulumiCli } from "../../scripts/pulumi-cli/index";
import { type Env, findPrograms } from "../../scripts/pulumi-cli/programs";

const root = join(__dirname, "..", "..");
const sdkVersion = (
  JSON.parse(readFileSync(join(root, "node_modules/@pulumi/pulumi/package.json"), "utf8")) as {
    version: string;
  }
).version;

/** Deleted after all tests. */
const folders: string[] = [];
/** Folder of the compiled sources, as `npm test` runs them. Compiled here, so that they are never out of date. */
let compiled: string;

beforeAll(() => {
  mkdirSync(join(root, "build"), { recursive: true });
  compiled = mkdtempSync(join(root, "build", "pulumi-cli-test-"));
  folders.push(compiled);
  for (const name of ["index", "cache", "programs", "main"]) {
    const { code } = transformFileSync(join(root, "scripts", "pulumi-cli", `${name}.ts`), {
      jsc: { target: "es2022", parser: { syntax: "typescript" } },
      module: { type: "commonjs" },
    });
    writeFileSync(join(compiled, `${name}.js`), code);
  }
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A fake machine: a home folder, programs on the PATH, and a network that is down. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "pulumi-cli-"));
  readonly home = join(this.folder, "home");
  readonly cache = join(this.home, ".cache");
  readonly logLines: string[] = [];
  readonly env: Env;
  private readonly network = join(this.folder, "network.cjs");
  private readonly goLog = join(this.folder, "go.log");

  constructor() {
    folders.push(this.folder);
    mkdirSync(this.home);
    this.setDownload(undefined);
    this.env = {
      HOME: this.home,
      XDG_CACHE_HOME: this.cache,
      TMPDIR: this.folder,
      PATH: this.createBin("bin"),
      NODE_OPTIONS: `--require ${this.network}`,
      // Without Pulumi's installer, which takes half a second to load. The tests of the installer enable it.
      PULUMI_CLI_FROM: "path,go",
    };
  }

  createBin(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  addProgram(bin: string, name: string, script: string): string {
    const path = join(this.createBin(bin), name);
    writeFileSync(path, script);
    chmodSync(path, 0o755);
    return path;
  }

  /** Adds a `pulumi` that prints this version, and its language host. */
  addPulumi(bin: string, version: string): string {
    this.addProgram(bin, "pulumi-language-nodejs", "#!/bin/sh\n");
    return this.addProgram(bin, "pulumi", `#!/bin/sh\necho '${version}'\n`);
  }

  /** Adds a `go` that creates scripts instead of building programs. `onLastBuild` is code that it runs for the last program. */
  addGo({ onLastBuild = "", buildMs = 5 } = {}): void {
    this.addProgram(
      "bin",
      "go",
      `#!${process.execPath}
      const { appendFileSync, writeFileSync } = require("node:fs");
      const { basename } = require("node:path");
      const args = process.argv.slice(2);
      const name = basename(args.at(-1));
      const version = /Version=(\\S+)/.exec(args.join(" "))[1];
      appendFileSync(${JSON.stringify(this.goLog)}, [process.cwd().split("/").at(-1), name, version, args.includes("-mod=readonly")].join(" ") + "\\n");
      setTimeout(() => {
        if (name === "pulumi-language-nodejs") { ${onLastBuild} }
        writeFileSync(args[args.indexOf("-o") + 1] + name, "#!/bin/sh\\necho " + version + "\\n", { mode: 0o755 });
      }, ${buildMs});
      `,
    );
  }

  /** One line per program that `go` has built. */
  listBuilds(): string[] {
    return existsSync(this.goLog) ? readFileSync(this.goLog, "utf8").trim().split("\n") : [];
  }

  /** Makes every download return this body, or fail if it is undefined. */
  setDownload(body: string | undefined): void {
    writeFileSync(
      this.network,
      body === undefined
        ? 'globalThis.fetch = async () => { throw new TypeError("fetch failed"); };'
        : `globalThis.fetch = async () => new Response(${JSON.stringify(body)});`,
    );
  }

  find(): Promise<PulumiCli> {
    return findPulumi((line) => this.logLines.push(line), this.env);
  }

  /** Like `find`, in a separate process. */
  async findInChildProcess(): Promise<Pick<PulumiCli, "origin" | "command">> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(compiled, "main.js")], { env: this.env });
    const [, origin, command = ""] = /^Pulumi \S+ \((\w+)\): (.*)\n$/.exec(stdout) ?? [];
    return { origin: origin as PulumiCli["origin"], command };
  }

  listCacheEntries(): string[] {
    const folder = join(this.cache, "pulumi-authentik-invitations");
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  getLog(): string {
    return this.logLines.join("\n");
  }
}

const requiredPrograms = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs", "node"];

/** The required programs that are on the PATH of this Pulumi CLI. */
async function listRequiredPrograms({ path }: PulumiCli): Promise<string[]> {
  const found = await Promise.all(requiredPrograms.map((name) => findPrograms(name, path.split(delimiter))));
  return requiredPrograms.filter((_, index) => found[index]?.length);
}

describe("PATH lookup", () => {
  test("uses the pulumi on the PATH, without output", async () => {
    const machine = new Machine();
    const command = machine.addPulumi("bin", "v3.230.1");
    const found = await machine.find();
    expect(found).toMatchObject({ command, version: "3.230.1", origin: "path" });
    expect(await listRequiredPrograms(found)).toEqual(requiredPrograms);
    expect(machine.logLines).toEqual([]);
    expect(machine.listCacheEntries()).toEqual([]);
  });

  test("uses the dynamic provider host next to pulumi", async () => {
    const machine = new Machine();
    machine.addPulumi("bin", "v3.230.1");
    const host = machine.addProgram("bin", "pulumi-resource-pulumi-nodejs", "#!/bin/sh\n");
    const { path } = await machine.find();
    expect(await findPrograms("pulumi-resource-pulumi-nodejs", path.split(delimiter))).toEqual([host]);
  });

  test("skips a pulumi that is too old, and puts the folder of the newer one first", async () => {
    const machine = new Machine();
    const old = machine.addPulumi("old", "v3.142.0");
    const command = machine.addPulumi("new", "v3.226.1");
    machine.env["PATH"] = [machine.createBin("old"), machine.createBin("new")].join(delimiter);
    const found = await machine.find();
    expect(found).toMatchObject({ command, version: "3.226.1", origin: "path" });
    expect(found.path.split(delimiter)[0]).toBe(dirname(command));
    expect(machine.logLines).toEqual([
      `Ignoring ${old}: its version is v3.142.0, but 3.226.1 or a later 3.x version is required`,
    ]);
  });

  test.each([
    ["one minor version too old", "echo v3.225.9", "its version is v3.225.9"],
    ["one patch version too old", "echo v3.226.0", "its version is v3.226.0"],
    ["of another major version", "echo v4.0.0", "its version is v4.0.0"],
    ["an unrelated program", "echo usage: pulumi", "its version is usage: pulumi"],
    ["broken", "echo cannot start >&2; exit 3", "`pulumi version` failed: cannot start"],
  ])("skips a pulumi that is %s", async (_, script, reason) => {
    const machine = new Machine();
    machine.addPulumi("bin", "");
    machine.addProgram("bin", "pulumi", `#!/bin/sh\n${script}\n`);
    machine.addGo();
    expect((await machine.find()).origin).toBe("go");
    expect(machine.getLog()).toContain(reason);
  });

  test("requires the language host in the same folder or on the PATH", async () => {
    const machine = new Machine();
    const command = machine.addProgram("bin", "pulumi", "#!/bin/sh\necho v3.230.0\n");
    machine.env["PULUMI_CLI_FROM"] = "path";
    await expect(machine.find()).rejects.toThrow("No usable Pulumi CLI found");
    expect(machine.getLog()).toContain("pulumi-language-nodejs is neither in the same folder nor on the PATH");

    machine.addProgram("more", "pulumi-language-nodejs", "#!/bin/sh\n");
    machine.env["PATH"] = [machine.createBin("bin"), machine.createBin("more")].join(delimiter);
    expect(await machine.find()).toMatchObject({ command, origin: "path" });
  });

  test("accepts a build from source without a version", async () => {
    const machine = new Machine();
    machine.addPulumi("bin", "");
    expect(await machine.find()).toMatchObject({ version: "unknown", origin: "path" });
  });

  test("ignores files that are not executable and relative folders", async () => {
    const machine = new Machine();
    chmodSync(machine.addPulumi("bin", "v3.230.0"), 0o644);
    machine.env["PATH"] = [machine.createBin("bin"), "relative", ""].join(delimiter);
    machine.env["PULUMI_CLI_FROM"] = "path";
    await expect(machine.find()).rejects.toThrow("No pulumi 3.226.1 or later with pulumi-language-nodejs on the PATH");
  });
});

describe("Go build", () => {
  test("builds the engine and the language host once, from their pinned modules", async () => {
    const machine = new Machine();
    machine.addGo();
    const built = await machine.find();
    expect(built).toMatchObject({ origin: "go", version: "3.230.0" });
    expect(await listRequiredPrograms(built)).toEqual(requiredPrograms);
    expect(machine.listBuilds()).toEqual([
      "engine pulumi v3.230.0 true",
      "language pulumi-language-nodejs v3.68.0 true",
    ]);
    // In the same folder, because the engine warns otherwise.
    const hosts = await findPrograms("pulumi-resource-pulumi-nodejs", [dirname(built.command)]);
    expect(hosts).toHaveLength(1);
    expect(machine.logLines.at(-1)).toMatch(/^Installed Pulumi 3\.230\.0 in \d+ s$/);

    machine.logLines.length = 0;
    expect(await machine.find()).toEqual({ ...built, origin: "cache" });
    expect(machine.listBuilds()).toHaveLength(2);
    expect(machine.logLines).toEqual([]);
    expect(machine.listCacheEntries()).toHaveLength(1);
  });

  test("reports Go's error output, and leaves nothing behind", async () => {
    const machine = new Machine();
    machine.addGo({ onLastBuild: 'console.error("dial tcp: no such host"); process.exit(1);' });
    await expect(machine.find()).rejects.toThrow(
      "Go could not build pulumi-language-nodejs:\n    dial tcp: no such host",
    );
    expect(machine.listCacheEntries()).toEqual([]);

    machine.addGo();
    expect((await machine.find()).origin).toBe("go");
  });

  test("rebuilds a cached program that no longer runs", async () => {
    const machine = new Machine();
    machine.addGo();
    await machine.find();
    const [entry = ""] = machine.listCacheEntries();
    const program = join(machine.cache, "pulumi-authentik-invitations", entry, "bin", "pulumi");
    const script = readFileSync(program, "utf8");
    writeFileSync(program, script.replace("echo", "oops"), { mode: 0o755 });
    expect((await machine.find()).origin).toBe("go");
    expect(readFileSync(program, "utf8")).toBe(script);
  });
});

describe("cache", () => {
  test("builds once for concurrent runs", async () => {
    const machine = new Machine();
    machine.addGo({ buildMs: 300 });
    const found = await Promise.all([
      machine.findInChildProcess(),
      machine.findInChildProcess(),
      machine.find(),
      machine.find(),
    ]);
    expect(found.map(({ origin }) => origin).sort()).toEqual(["cache", "cache", "cache", "go"]);
    expect(new Set(found.map(({ command }) => command)).size).toBe(1);
    expect(machine.listBuilds()).toHaveLength(2);
    expect(machine.listCacheEntries()).toHaveLength(1);
  });

  test("ignores the lock and the incomplete entry of a killed run", async () => {
    const machine = new Machine();
    // Still builds when its parent is killed.
    machine.addGo({ onLastBuild: "return setTimeout(() => {}, 5_000);" });
    const child = spawn(process.execPath, [join(compiled, "main.js")], { env: machine.env, stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (machine.listBuilds().length < 2) await sleep(20);
    child.kill("SIGKILL");
    await ended;
    const lock = machine.listCacheEntries().find((name) => name.endsWith(".lock")) ?? "";
    // A minute later.
    utimesSync(join(machine.cache, "pulumi-authentik-invitations", lock), new Date(), new Date(Date.now() - 60_000));

    machine.addGo();
    expect((await machine.find()).origin).toBe("go");
  });

  test.each([
    ["set", (machine: Machine) => delete machine.env["HOME"]],
    ["there, and does not create it", (machine: Machine) => rmSync(machine.home, { recursive: true })],
    ["writable", (machine: Machine) => rmSync(machine.home, { recursive: true }) ?? writeFileSync(machine.home, "")],
  ])("uses a per-user temporary folder if the home folder is not %s", async (state, change) => {
    const machine = new Machine();
    machine.addGo();
    change(machine);
    delete machine.env["XDG_CACHE_HOME"];
    const { command } = await machine.findInChildProcess();
    const folder = join(machine.folder, `pulumi-authentik-invitations-${process.getuid?.()}`);
    expect(command.startsWith(folder)).toBe(true);
    expect((await machine.findInChildProcess()).origin).toBe("cache");
    if (state !== "set") expect(existsSync(join(machine.home, ".cache"))).toBe(false);
  });
});

describe("Pulumi's installer", () => {
  const install = `#!/bin/sh
    while [ $# -gt 0 ]; do case $1 in --install-root) root=$2 ;; --version) version=$2 ;; esac; shift; done
    /bin/mkdir -p "$root/bin"
    for name in pulumi pulumi-language-nodejs pulumi-resource-pulumi-nodejs; do
      echo "#!/bin/sh
        echo v$version" > "$root/bin/$name"
      /bin/chmod 755 "$root/bin/$name"
    done
    echo noise`;

  test("downloads the version of the SDK, without Go", async () => {
    const machine = new Machine();
    machine.addGo();
    machine.setDownload(install);
    delete machine.env["PULUMI_CLI_FROM"];
    const found = await machine.find();
    expect(found).toMatchObject({ origin: "installer", version: sdkVersion });
    expect(found.command.startsWith(machine.cache)).toBe(true);
    expect(await listRequiredPrograms(found)).toEqual(requiredPrograms);
    expect(machine.listBuilds()).toEqual([]);
    expect(machine.getLog()).not.toContain("noise");

    expect(await machine.find()).toEqual({ ...found, origin: "cache" });
  });

  test("logs one line if the network is down, and builds with Go", async () => {
    const machine = new Machine();
    machine.addGo();
    delete machine.env["PULUMI_CLI_FROM"];
    expect((await machine.find()).origin).toBe("go");
    const [, line] = machine.logLines;
    expect(line).toMatch(/^Pulumi's installer failed: Failed to download .*: fetch failed$/);
  });
});

describe("errors and options", () => {
  test("lists what was tried and what to install if nothing works", async () => {
    const machine = new Machine();
    machine.addPulumi("bin", "v3.100.0");
    delete machine.env["PULUMI_CLI_FROM"];
    const error = await machine.find().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(
      new RegExp(
        [
          "^Error: No usable Pulumi CLI found\\.",
          "- No pulumi 3\\.226\\.1 or later with pulumi-language-nodejs on the PATH",
          "- Pulumi's installer failed: Failed to download .*: fetch failed",
          "- Cannot build Pulumi with Go: no go on the PATH",
          "Install Pulumi \\(.*\\), or install Go \\(.*\\) to build it, or connect this machine to the network\\. Then run this command again\\.$",
        ].join("\n"),
      ),
    );
    expect(machine.listCacheEntries()).toEqual([]);
  });

  test("the command exits with code 1, or 0 with --optional", async () => {
    const machine = new Machine();
    const runProgram = promisify(execFile);
    const args = [join(compiled, "main.js")];
    await expect(runProgram(process.execPath, args, { env: machine.env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No usable Pulumi CLI found."),
    });
    const { stderr } = await runProgram(process.execPath, [...args, "--optional"], { env: machine.env });
    expect(stderr).toContain("No usable Pulumi CLI found.");
  });

  test("PULUMI_CLI_FROM limits the sources", async () => {
    const machine = new Machine();
    machine.addPulumi("bin", "v3.230.0");
    machine.addGo();
    machine.env["PULUMI_CLI_FROM"] = "go";
    expect((await machine.find()).origin).toBe("go");
    expect((await machine.find()).origin).toBe("cache");
    machine.env["PULUMI_CLI_FROM"] = "path";
    expect((await machine.find()).origin).toBe("path");
    machine.env["PULUMI_CLI_FROM"] = "path,brew";
    await expect(machine.find()).rejects.toThrow('PULUMI_CLI_FROM contains "brew"');
  });
});
