/**
 * `npm run bench`: compares this package with a dynamic provider that does nothing, with the same number of resources and the same inputs and
 * outputs, and batches with 10 resources of that provider. `--quick` runs everything once, with at most 1,000 invitations, and `--batches` only the
 * batches. Fails if the requests are not the expected ones, but not for times, which depend on the machine.
 */
import { execFileSync, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Authentik } from "../../sandbox";
import { CleanupStack, ExpectationError, runMain } from "../demo/processes";
import { type RunResult, root, Workspace } from "../demo/workspace";
import { buildData, buildShared, buildSingle, type Values } from "./inputs";

const latencyMs = 5;
/** Rows per list page of authentik 2026.2. */
const pageSize = 100;
const pluginFolder = join(root, "build", "plugin");

/** A program in a language, with a provider. */
interface Column {
  readonly name: string;
  /** The file in this folder. YAML programs have none. */
  readonly program?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** The resources and other files of a YAML program. */
  buildYaml?(values: Values): { resources: object; files?: Readonly<Record<string, string>> };
}

const empty: Column = { name: "empty", program: "custom", config: { type: "pulumi-nodejs:dynamic/bench:Empty" } };

const type = "authentik-invitations:index:Invitation";
const singleColumns: readonly Column[] = [
  { name: "dynamic", program: "dynamic", config: { batch: false } },
  { name: "plugin, TypeScript", program: "custom", config: { type } },
  {
    name: "plugin, YAML",
    buildYaml(values) {
      const names = Array.from({ length: values.count }, (_, index) => `bench-${index}`);
      const resources = names.map((name, index) => [name, { type, properties: buildSingle(index, values) }]);
      return { resources: Object.fromEntries(resources) };
    },
  },
];

const batchColumns: readonly Column[] = [
  { name: "dynamic", program: "dynamic", config: { batch: true } },
  {
    name: "plugin, YAML and CSV",
    buildYaml(values) {
      const rows = Array.from({ length: values.count }, (_, index) => buildData(index, values));
      const fixedData = { email: "email", role: "role" };
      const invitations = {
        "fn::invoke": {
          function: "authentik-invitations:index:invitationsFromCsv",
          arguments: { file: "people.csv", key: "email", fixedData },
          return: "invitations",
        },
      };
      const properties = { ...buildShared(values), invitations };
      return {
        resources: { bench: { type: `${type}Batch`, properties } },
        files: { "people.csv": ["email,role", ...rows.map(({ email, role = "" }) => `${email},${role}`)].join("\n") },
      };
    },
  },
];

interface Size {
  readonly count: number;
  readonly isBatch: boolean;
}

interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** What to change in the program before. */
  readonly change?: Partial<Values>;
  expectedRequests(size: Size): Readonly<Record<string, number>>;
}

const apply = ["--yes", "--skip-preview"];
/** One single read, then one list page. A batch reads pages. */
const reads = ({ count, isBatch }: Size) => ({ GET: isBatch ? Math.ceil(count / pageSize) : 2 });
const operations: readonly Operation[] = [
  {
    name: "create",
    args: ["up", ...apply],
    change: { team: "backend", role: "member" },
    expectedRequests: ({ count }) => ({ POST: count, flows: 1, events: 1 }),
  },
  { name: "preview", args: ["preview", "--expect-no-changes"], expectedRequests: () => ({}) },
  { name: "preview --refresh", args: ["preview", "--refresh", "--expect-no-changes"], expectedRequests: reads },
  { name: "refresh", args: ["refresh", ...apply], expectedRequests: reads },
  { name: "change one", args: ["up", ...apply], change: { role: "lead" }, expectedRequests: () => ({ PUT: 1 }) },
  {
    name: "change all",
    args: ["up", ...apply],
    change: { team: "frontend" },
    expectedRequests: ({ count }) => ({ PUT: count }),
  },
  { name: "destroy", args: ["destroy", ...apply], expectedRequests: ({ count }) => ({ DELETE: count }) },
];

/** `others` are invitations on the server that no program declares. */
const runs = [
  { count: 10, isBatch: false, others: 0, repetitions: 5 },
  { count: 100, isBatch: false, others: 0, repetitions: 3 },
  { count: 1000, isBatch: true, others: 0, repetitions: 3 },
  { count: 5000, isBatch: true, others: 0, repetitions: 1 },
  { count: 1000, isBatch: true, others: 50_000, repetitions: 1 },
];

/** The program of a column, in its own project and stack. */
class BenchStack {
  readonly timings = new Map<string, RunResult[]>();
  readonly unexpected: string[] = [];
  #settings = "";

  private constructor(
    readonly column: Column,
    readonly size: Size,
    private readonly authentik: Authentik,
    private readonly workspace: Workspace,
  ) {}

  static async create(
    column: Column,
    size: Size,
    others: number,
    interrupted: AbortSignal,
    cleanup: CleanupStack,
  ): Promise<BenchStack> {
    const workspace = await Workspace.create(interrupted, "authentik-bench-");
    cleanup.defer(() => workspace.remove());
    await workspace.addYamlHost(pluginFolder);
    // Each has its own, which would otherwise list the others' invitations as well.
    const authentik = await Authentik.start({ latency: latencyMs });
    cleanup.defer(() => authentik.close());
    for (let index = 0; index < others; index++) authentik.instance.invitations.add({ name: `other-${index}` });
    const stack = new BenchStack(column, size, authentik, workspace);
    await stack.#write("Pulumi.yaml", { name: "bench", runtime: "yaml" });
    await stack.run(["stack", "init", "bench"]);
    for (const namespace of ["authentik", "authentik-invitations"]) {
      await stack.run(["config", "set", `${namespace}:url`, authentik.url]);
      await stack.run(["config", "set", "--secret", `${namespace}:token`], authentik.token);
    }
    stack.#settings = await readFile(join(workspace.folder, "Pulumi.bench.yaml"), "utf8");
    return stack;
  }

  /** Writes the program and its configuration. */
  async write({ team, role }: Omit<Values, "count">): Promise<void> {
    const { program, config, buildYaml } = this.column;
    const values: Values = { count: this.size.count, team, role };
    const { resources, files = {} } = buildYaml?.(values) ?? {};
    const runtime = program === undefined ? "yaml" : { name: "nodejs", options: { typescript: false } };
    const main = program === undefined ? undefined : join(__dirname, `${program}.js`);
    await this.#write("Pulumi.yaml", { name: "bench", runtime, main, resources });
    for (const [file, content] of Object.entries(files)) await this.#write(file, content);
    const entries = Object.entries({ ...config, values }).map(
      ([key, value]) => `  bench:${key}: ${JSON.stringify(value)}\n`,
    );
    await this.#write("Pulumi.bench.yaml", this.#settings + entries.join(""));
  }

  /** JSON is YAML. */
  async #write(file: string, content: string | object): Promise<void> {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await writeFile(join(this.workspace.folder, file), text);
  }

  /** Runs `pulumi`. Throws if the exit code is not 0. */
  async run(args: readonly string[], input = ""): Promise<RunResult> {
    const result = await this.workspace.runPulumi(args, { input });
    if (result.code === 0) return result;
    const { name } = this.column;
    throw new ExpectationError(`pulumi ${args.join(" ")} (${name}) exited with code ${result.code}:\n${result.output}`);
  }

  async measure({ name, args, expectedRequests }: Operation): Promise<void> {
    this.authentik.requests.splice(0);
    this.timings.set(name, [...(this.timings.get(name) ?? []), await this.run(args)]);
    const requests = formatRequests(countRequests(this.authentik));
    const expected = this.column === empty ? "0" : formatRequests(expectedRequests(this.size));
    if (requests !== expected) this.unexpected.push(`${this.column.name}, ${name}: ${requests} instead of ${expected}`);
  }
}

/** Counts the requests since the last call, those for flows and for the event log separately. */
function countRequests(authentik: Authentik): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, path } of authentik.requests.splice(0)) {
    const kind = path.includes("/flows/") ? "flows" : path.includes("/events/") ? "events" : method;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  // A second search follows if the stack has created the same before, as in a repetition.
  if ("events" in counts) counts["events"] = 1;
  return counts;
}

function formatRequests(counts: Readonly<Record<string, number>>): string {
  const parts = ["POST", "PUT", "GET", "DELETE", "flows", "events"].flatMap((kind) =>
    counts[kind] === undefined ? [] : [`${counts[kind]} ${kind}`],
  );
  return parts.join(" + ") || "0";
}

async function measureRun(
  { count, isBatch, others, repetitions }: (typeof runs)[number],
  interrupted: AbortSignal,
): Promise<[BenchStack, ...BenchStack[]]> {
  const cleanup = new CleanupStack();
  try {
    const create = (column: Column, number: number): Promise<BenchStack> =>
      BenchStack.create(column, { count: number, isBatch }, others, interrupted, cleanup);
    const stacks: [BenchStack, ...BenchStack[]] = [await create(empty, isBatch ? 10 : count)];
    for (const column of isBatch ? batchColumns : singleColumns) stacks.push(await create(column, count));
    let turn = 0;
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      let values = { team: "", role: "" };
      for (const operation of operations) {
        values = { ...values, ...operation.change };
        // Another order each time, because a later one may find warmer caches or a busier machine.
        for (const stack of [...stacks.slice(turn), ...stacks.slice(0, turn)]) {
          await stack.write(values);
          await stack.measure(operation);
        }
        turn = (turn + 1) % stacks.length;
        process.stderr.write(
          `${count}, ${repetition} of ${repetitions}: ${formatRow(stacks, operation, -1).join(", ")}\n`,
        );
      }
    }
    return stacks;
  } finally {
    await cleanup.run();
  }
}

/** The seconds of the first stack, and of the others the ratio to it, each the median of the repetitions from `first` on. */
function formatRow(
  [baseline, ...others]: readonly [BenchStack, ...BenchStack[]],
  { name }: Operation,
  first = 0,
): string[] {
  const timings = ({ timings }: BenchStack): RunResult[] => timings.get(name)?.slice(first) ?? [];
  const compare = (stack: BenchStack, unit: "seconds" | "cpuSeconds"): string => {
    // Of consecutive measurements, in which other load on the machine mostly cancels out.
    const ratios = timings(stack).map((run, index) => (run[unit] ?? NaN) / (timings(baseline)[index]?.[unit] ?? NaN));
    return median(ratios).toFixed(2);
  };
  const seconds = median(timings(baseline).map((run) => run.seconds)).toFixed(2);
  return [
    name,
    `${seconds} s`,
    ...others.map((stack) => `${compare(stack, "seconds")} (${compare(stack, "cpuSeconds")})`),
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2;
}

/** CPU milliseconds that the package adds to a program that has loaded Pulumi's SDK. The median of several processes. */
function measureRequire(): number {
  const script = `
    require("@pulumi/pulumi");
    const before = process.cpuUsage();
    require("pulumi-authentik-invitations");
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`;
  const run = (): string => execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" });
  return median(Array.from({ length: 15 }, () => Number(run())));
}

/** Milliseconds until a program prints its first line. The median of several processes. */
async function measureStart(command: string, args: readonly string[] = []): Promise<number> {
  const times: number[] = [];
  while (times.length < 15) {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    times.push(performance.now() - start);
    child.kill();
  }
  return median(times);
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const [header = [], ...body] = rows.map((cells) => `| ${cells.join(" | ")} |\n`);
  return [header, `|${"---|".repeat(rows[0]?.length ?? 0)}\n`, ...body].join("");
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { quick, batches } = parseOptions();
  const start = performance.now();
  const print = (text: string): unknown => process.stdout.write(`${text}\n`);
  print(`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, Node.js ${process.versions.node}.`);
  print(`Local file backend; embedded authentik in the same process, with ${latencyMs} ms latency per response.`);
  print(
    "Seconds of a dynamic provider that does nothing, and the ratio of the others to it, of the CPU time in parentheses.\n",
  );
  const ready = await measureStart(join(pluginFolder, "pulumi-resource-authentik-invitations"));
  const nothing = await measureStart(process.execPath, ["-e", "console.log()"]);
  print(`Plugin ready in ${ready.toFixed(0)} ms, of which Node.js without a program takes ${nothing.toFixed(0)} ms.`);
  print(`The package adds ${measureRequire().toFixed(1)} ms of CPU time to a program.\n`);
  const unexpected: string[] = [];
  for (const run of runs.filter(({ isBatch }) => isBatch || !batches).slice(0, quick ? -2 : undefined)) {
    const stacks = await measureRun(quick ? { ...run, repetitions: 1 } : run, interrupted);
    const others = run.others === 0 ? "" : `, next to ${run.others} others`;
    const title = `${run.isBatch ? "batch of " : ""}${run.count}${others}`;
    const header = [
      title,
      ...stacks.map(({ column, size }) => (column === empty ? `${size.count} empty` : column.name)),
    ];
    print(formatTable([header, ...operations.map((operation) => formatRow(stacks, operation))]));
    for (const stack of stacks) unexpected.push(...stack.unexpected.map((requests) => `${title}: ${requests}`));
  }
  print(`${((performance.now() - start) / 60_000).toFixed(1)} min.`);
  if (unexpected.length > 0) throw new ExpectationError(`Unexpected requests:\n${unexpected.join("\n")}`);
}

function parseOptions(): { quick: boolean; batches: boolean } {
  try {
    const { values } = parseArgs({
      options: { quick: { type: "boolean", default: false }, batches: { type: "boolean", default: false } },
    });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpectationError(`${reason}\n\nUsage: npm run bench -- [--quick | --batches]`);
  }
}

void runMain(main);
