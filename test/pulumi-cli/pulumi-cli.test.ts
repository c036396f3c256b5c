import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { transformFileSync } from "@swc/core";
import { findPulumi, type PulumiCli } from "./index";
import { type Env, findPrograms } from "./programs";

const root = join(__dirname, "..", "..");
const sdkVersion = (
  JSON.parse(readFileSync(join(root, "node_modules/@pulumi/pulumi/package.json"), "utf8")) as {
    version: string;
  }
).version;

/** Folders to delete at the end. */
const folders: string[] = [];
/** The compiled form, as `npm test` runs it; made here from the sources so that it is never an old one. */
let compiled: string;

beforeAll(() => {
  mkdirSync(join(root, "build"), { recursive: true });
  compiled = mkdtempSync(join(root, "build", "pulumi-cli-test-"));
  folders.push(compiled);
  for (const name of ["index", "cache", "programs", "main"]) {
    const { code } = transformFileSync(join(__dirname, `${name}.ts`), {
      jsc: { target: "es2022", parser: { syntax: "typescript" } },
      module: { type: "commonjs" },
    });
    writeFileSync(join(compiled, `${name}.js`), code);
  }
});

afterAll(() => {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A machine of its own: a home folder, programs on the PATH, a network that is down. */
class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), "pulumi-cli-"));
  readonly home = join(this.folder, "home");
  readonly cache = join(this.home, ".cache");
  readonly lines: string[] = [];
  readonly env: Env;
  private readonly network = join(this.folder, "network.cjs");
  private readonly goLog = join(this.folder, "go.log");

  constructor() {
    folders.push(this.folder);
    mkdirSync(this.home);
    this.networkServes(undefined);
    this.env = {
      HOME: this.home,
      XDG_CACHE_HOME: this.cache,
      TMPDIR: this.folder,
      PATH: this.bin("bin"),
      NODE_OPTIONS: `--require ${this.network}`,
      // Pulumi's installer takes half a second to load; the tests that are about it put it back.
      PULUMI_CLI_FROM: "path,go",
    };
  }

  bin(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  program(bin: string, name: string, text: string): string {
    const path = join(this.bin(bin), name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }

  /** A `pulumi` that says this version, with its language host. */
  pulumi(bin: string, version: string): string {
    this.program(bin, "pulumi-language-nodejs", "#!/bin/sh\n");
    return this.program(bin, "pulumi", `#!/bin/sh\necho '${version}'\n`);
  }

  /** A `go` that "builds" what it is asked for, and takes `ms` for each; `last` is what it does to the last program. */
  go({ last = "", ms = 5 } = {}): void {
    this.program(
      "bin",
      "go",
      `#!${process.execPath}
      const { appendFileSync, writeFileSync } = require("node:fs");
      const { basename } = require("node:path");
      const args = process.argv.slice(2);
      const name = basename(args.at(-1));
      const stamp = /Version=(\\S+)/.exec(args.join(" "))[1];
      appendFileSync(${JSON.stringify(this.goLog)}, [process.cwd().split("/").at(-1), name, stamp, args.includes("-mod=readonly")].join(" ") + "\\n");
      setTimeout(() => {
        if (name === "pulumi-language-nodejs") { ${last} }
        writeFileSync(args[args.indexOf("-o") + 1] + name, "#!/bin/sh\\necho " + stamp + "\\n", { mode: 0o755 });
      }, ${ms});
      `,
    );
  }

  /** What `go` was asked to build. */
  builds(): string[] {
    return existsSync(this.goLog) ? readFileSync(this.goLog, "utf8").trim().split("\n") : [];
  }

  /** From now on every download gives this text; nothing at all where it is undefined. */
  networkServes(text: string | undefined): void {
    writeFileSync(
      this.network,
      text === undefined
        ? 'globalThis.fetch = async () => { throw new TypeError("fetch failed"); };'
        : `globalThis.fetch = async () => new Response(${JSON.stringify(text)});`,
    );
  }

  find(): Promise<PulumiCli> {
    return findPulumi((line) => this.lines.push(line), this.env);
  }

  /** The same in a process of its own. */
  async findElsewhere(): Promise<PulumiCli> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(compiled, "main.js"), "--json"], {
      env: this.env,
    });
    return JSON.parse(stdout) as PulumiCli;
  }

  /** What lies in the cache. */
  entries(): string[] {
    const folder = join(this.cache, "pulumi-authentik-invitations");
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  said(): string {
    return this.lines.join("\n");
  }
}

async function canRun({ path }: PulumiCli): Promise<string[]> {
  const names = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs", "node"];
  const found = await Promise.all(names.map((name) => findPrograms(name, path.split(delimiter))));
  return names.filter((_, index) => found[index]?.length);
}

const everything = ["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs", "node"];

describe("the PATH", () => {
  test("a pulumi there is taken, at once and without a word", async () => {
    const machine = new Machine();
    const command = machine.pulumi("bin", "v3.210.1");
    const found = await machine.find();
    expect(found).toMatchObject({ command, version: "3.210.1", origin: "path" });
    expect(await canRun(found)).toEqual(everything);
    expect(machine.lines).toEqual([]);
    expect(machine.entries()).toEqual([]);
  });

  test("a host of dynamic providers that it brings itself is the one that is found", async () => {
    const machine = new Machine();
    machine.pulumi("bin", "v3.210.1");
    const own = machine.program("bin", "pulumi-resource-pulumi-nodejs", "#!/bin/sh\n");
    const { path } = await machine.find();
    expect(await findPrograms("pulumi-resource-pulumi-nodejs", path.split(delimiter))).toEqual([own]);
  });

  test("of two, an old one is passed over for the newer one, whose folder then comes first", async () => {
    const machine = new Machine();
    const old = machine.pulumi("old", "v3.142.0");
    const command = machine.pulumi("new", "v3.200.0");
    machine.env["PATH"] = [machine.bin("old"), machine.bin("new")].join(delimiter);
    const found = await machine.find();
    expect(found).toMatchObject({ command, version: "3.200.0", origin: "path" });
    expect(found.path.split(delimiter)[0]).toBe(dirname(command));
    expect(machine.lines).toEqual([`${old} is not used: its version is v3.142.0, and 3.200 or newer is needed`]);
  });

  test.each([
    ["too old", "echo v3.199.9", "its version is v3.199.9"],
    ["of another major version", "echo v4.0.0", "its version is v4.0.0"],
    ["something else of that name", "echo usage: pulumi", "its version is usage: pulumi"],
    ["broken", "echo cannot start >&2; exit 3", "`pulumi version` failed: cannot start"],
  ])("one that is %s is refused, and the search goes on", async (_, script, reason) => {
    const machine = new Machine();
    machine.pulumi("bin", "");
    machine.program("bin", "pulumi", `#!/bin/sh\n${script}\n`);
    machine.go();
    expect((await machine.find()).origin).toBe("go");
    expect(machine.said()).toContain(reason);
  });

  test("one without its language host is refused; the host may lie elsewhere on the PATH", async () => {
    const machine = new Machine();
    const command = machine.program("bin", "pulumi", "#!/bin/sh\necho v3.230.0\n");
    machine.env["PULUMI_CLI_FROM"] = "path";
    await expect(machine.find()).rejects.toThrow("There is no Pulumi CLI to run with");
    expect(machine.said()).toContain("pulumi-language-nodejs is neither beside it nor on the PATH");

    machine.program("more", "pulumi-language-nodejs", "#!/bin/sh\n");
    machine.env["PATH"] = [machine.bin("bin"), machine.bin("more")].join(delimiter);
    expect(await machine.find()).toMatchObject({ command, origin: "path" });
  });

  test("one that was built from source and states no version is taken", async () => {
    const machine = new Machine();
    machine.pulumi("bin", "");
    expect(await machine.find()).toMatchObject({ version: "unknown", origin: "path" });
  });

  test("files that are no programs and relative folders do not count", async () => {
    const machine = new Machine();
    chmodSync(machine.pulumi("bin", "v3.230.0"), 0o644);
    machine.env["PATH"] = [machine.bin("bin"), "relative", ""].join(delimiter);
    machine.env["PULUMI_CLI_FROM"] = "path";
    await expect(machine.find()).rejects.toThrow("On the PATH is no pulumi 3.200 or newer");
  });
});

describe("Go", () => {
  test("builds the engine and the language host from their pinned modules, once", async () => {
    const machine = new Machine();
    machine.go();
    const built = await machine.find();
    expect(built).toMatchObject({ origin: "go", version: "3.230.0" });
    expect(await canRun(built)).toEqual(everything);
    expect(machine.builds()).toEqual(["engine pulumi v3.230.0 true", "language pulumi-language-nodejs v3.68.0 true"]);
    // All three in one folder: the engine warns of what it has to take from elsewhere.
    const own = await findPrograms("pulumi-resource-pulumi-nodejs", [dirname(built.command)]);
    expect(own).toHaveLength(1);
    expect(machine.lines.at(-1)).toMatch(/^Pulumi 3\.230\.0 is ready after \d+ s$/);

    machine.lines.length = 0;
    expect(await machine.find()).toEqual({ ...built, origin: "cache" });
    expect(machine.builds()).toHaveLength(2);
    expect(machine.lines).toEqual([]);
    expect(machine.entries()).toHaveLength(1);
  });

  test("a failure is told in Go's own words, and leaves nothing behind", async () => {
    const machine = new Machine();
    machine.go({ last: 'console.error("dial tcp: no such host"); process.exit(1);' });
    await expect(machine.find()).rejects.toThrow(
      "Go could not build pulumi-language-nodejs:\n    dial tcp: no such host",
    );
    expect(machine.entries()).toEqual([]);

    machine.go();
    expect((await machine.find()).origin).toBe("go");
  });

  test("a program that it built but that does not run is said so, and built again next time", async () => {
    const machine = new Machine();
    machine.go();
    await machine.find();
    const [entry = ""] = machine.entries();
    const program = join(machine.cache, "pulumi-authentik-invitations", entry, "bin", "pulumi");
    const text = readFileSync(program, "utf8");
    writeFileSync(program, text.replace("echo", "oops"), { mode: 0o755 });
    expect((await machine.find()).origin).toBe("go");
    expect(readFileSync(program, "utf8")).toBe(text);
  });
});

describe("the cache", () => {
  test.each([
    ["has no record that it is complete", "complete.json", undefined],
    ["has a broken record", "complete.json", "{"],
    ["lacks a program", "bin/pulumi-language-nodejs", undefined],
    ["has a program that was cut off", "bin/pulumi", "#!/bin/sh\n"],
  ])("an entry that %s is made anew", async (_, file, text) => {
    const machine = new Machine();
    machine.go();
    await machine.find();
    const [entry = ""] = machine.entries();
    const path = join(machine.cache, "pulumi-authentik-invitations", entry, file);
    if (text === undefined) {
      rmSync(path);
    } else {
      writeFileSync(path, text);
    }
    expect((await machine.find()).origin).toBe("go");
    expect((await machine.find()).origin).toBe("cache");
    expect(machine.builds()).toHaveLength(4);
    expect(machine.entries()).toEqual([entry]);
  });

  test("runs at the same time build once; the others wait and take what it made", async () => {
    const machine = new Machine();
    machine.go({ ms: 300 });
    const found = await Promise.all([machine.findElsewhere(), machine.findElsewhere(), machine.find(), machine.find()]);
    expect(found.map(({ origin }) => origin).sort()).toEqual(["cache", "cache", "cache", "go"]);
    expect(new Set(found.map(({ command }) => command)).size).toBe(1);
    expect(machine.builds()).toHaveLength(2);
    expect(machine.entries()).toHaveLength(1);
  });

  test("a run that was killed while it built holds up nobody, and its half is not taken", async () => {
    const machine = new Machine();
    machine.go({ last: "return;" });
    const child = spawn(process.execPath, [join(compiled, "main.js")], { env: machine.env, stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (machine.builds().length < 2) {
      await sleep(20);
    }
    child.kill("SIGKILL");
    await ended;
    expect(machine.entries().some((name) => name.endsWith(".lock"))).toBe(true);

    machine.go();
    expect((await machine.find()).origin).toBe("go");
  });

  test("without a home folder the folder for temporary files serves, for this user only", async () => {
    const machine = new Machine();
    machine.go();
    delete machine.env["HOME"];
    delete machine.env["XDG_CACHE_HOME"];
    const { command } = await machine.findElsewhere();
    const folder = join(machine.folder, `pulumi-authentik-invitations-${process.getuid?.()}`);
    expect(command.startsWith(folder)).toBe(true);
    expect((await machine.findElsewhere()).origin).toBe("cache");
  });

  test("a home folder that is named but not there is not made", async () => {
    const machine = new Machine();
    machine.go();
    rmSync(machine.home, { recursive: true });
    delete machine.env["XDG_CACHE_HOME"];
    expect((await machine.findElsewhere()).command.startsWith(machine.folder)).toBe(true);
    expect(existsSync(machine.home)).toBe(false);
  });

  test("a home folder that cannot be written is no obstacle either", async () => {
    const machine = new Machine();
    machine.go();
    rmSync(machine.home, { recursive: true });
    writeFileSync(machine.home, "");
    expect((await machine.findElsewhere()).command.startsWith(machine.folder)).toBe(true);
  });
});

describe("the installer", () => {
  const install = `#!/bin/sh
    while [ $# -gt 0 ]; do case $1 in --install-root) root=$2 ;; --version) version=$2 ;; esac; shift; done
    /bin/mkdir -p "$root/bin"
    for name in pulumi pulumi-language-nodejs pulumi-resource-pulumi-nodejs; do
      echo "#!/bin/sh
        echo v$version" > "$root/bin/$name"
      /bin/chmod 755 "$root/bin/$name"
    done
    echo noise`;

  test("fetches the SDK's version where the network is open, before Go is asked", async () => {
    const machine = new Machine();
    machine.go();
    machine.networkServes(install);
    delete machine.env["PULUMI_CLI_FROM"];
    const found = await machine.find();
    expect(found).toMatchObject({ origin: "installer", version: sdkVersion });
    expect(found.command.startsWith(machine.cache)).toBe(true);
    expect(await canRun(found)).toEqual(everything);
    expect(machine.builds()).toEqual([]);
    expect(machine.said()).not.toContain("noise");

    expect(await machine.find()).toEqual({ ...found, origin: "cache" });
  });

  test("with the network closed costs one sentence, and Go builds", async () => {
    const machine = new Machine();
    machine.go();
    delete machine.env["PULUMI_CLI_FROM"];
    expect((await machine.find()).origin).toBe("go");
    const [, sentence] = machine.lines;
    expect(sentence).toMatch(/^Pulumi's installer did not succeed: Failed to download .*: fetch failed$/);
  });

  test("that takes too long is ended, with all that it started", async () => {
    const machine = new Machine();
    const trace = join(machine.folder, "trace");
    machine.networkServes(endless(trace));
    machine.env["PULUMI_CLI_INSTALLER_SECONDS"] = "2";
    machine.env["PULUMI_CLI_FROM"] = "installer";
    await expect(machine.find()).rejects.toThrow("Pulumi's installer did not succeed: it was not done after 2 s");
    await hasStopped(trace);
    expect(machine.entries()).toEqual([]);
  });

  test("ends with the run that asked for it", async () => {
    const machine = new Machine();
    const trace = join(machine.folder, "trace");
    machine.networkServes(endless(trace));
    machine.env["PULUMI_CLI_FROM"] = "installer";
    machine.env["PULUMI_CLI_INSTALLER_SECONDS"] = "20";
    const child = spawn(process.execPath, [join(compiled, "main.js")], { env: machine.env, stdio: "ignore" });
    while (sizeOf(trace) === 0) {
      await sleep(20);
    }
    child.kill("SIGKILL");
    await hasStopped(trace);
  });

  /** An installer that leaves a process behind which writes to `trace` for ever, and waits for it. */
  function endless(trace: string): string {
    return `#!/bin/sh\nwhile :; do echo >> '${trace}'; /bin/sleep 0.02; done &\nwait\n`;
  }

  async function hasStopped(trace: string): Promise<void> {
    for (let before = -1; before !== sizeOf(trace); ) {
      before = sizeOf(trace);
      await sleep(200);
    }
  }

  function sizeOf(file: string): number {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }
});

describe("what to do", () => {
  test("where nothing works, the error says what was tried and what to install", async () => {
    const machine = new Machine();
    machine.pulumi("bin", "v3.100.0");
    delete machine.env["PULUMI_CLI_FROM"];
    const error = await machine.find().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(
      new RegExp(
        [
          "^Error: There is no Pulumi CLI to run with\\.",
          "- On the PATH is no pulumi 3\\.200 or newer that has pulumi-language-nodejs",
          "- Pulumi's installer did not succeed: Failed to download .*: fetch failed",
          "- Go cannot build it, for there is no go on the PATH",
          "Install Pulumi \\(.*\\), or Go \\(.*\\) to have it built here, or let this machine reach the network; then run this again\\.$",
        ].join("\n"),
      ),
    );
    expect(machine.entries()).toEqual([]);
  });

  test("the command fails then, but not with --optional", async () => {
    const machine = new Machine();
    const main = promisify(execFile);
    const args = [join(compiled, "main.js")];
    await expect(main(process.execPath, args, { env: machine.env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("There is no Pulumi CLI to run with."),
    });
    const { stderr } = await main(process.execPath, [...args, "--optional"], { env: machine.env });
    expect(stderr).toContain("There is no Pulumi CLI to run with.");
  });

  test("PULUMI_CLI_FROM leaves out the other sources", async () => {
    const machine = new Machine();
    machine.pulumi("bin", "v3.230.0");
    machine.go();
    machine.env["PULUMI_CLI_FROM"] = "go";
    expect((await machine.find()).origin).toBe("go");
    expect((await machine.find()).origin).toBe("cache");
    machine.env["PULUMI_CLI_FROM"] = "path";
    expect((await machine.find()).origin).toBe("path");
    machine.env["PULUMI_CLI_FROM"] = "path,brew";
    await expect(machine.find()).rejects.toThrow('PULUMI_CLI_FROM names "brew"');
  });
});
