/**
 * `npm run bench`: compares this package with a dynamic provider that does nothing, with the same number of resources and the
 * same inputs and outputs, and batches with 10 resources of that provider. `--quick` runs with 10 resources only, `--batches` only the batches. Fails if the requests or the state size miss their target,
 * but not for times, which depend on the machine.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Authentik } from "../../sandbox";
import { CleanupStack, ExpectationError, findDescendants, runMain } from "../demo/processes";
import { type RunResult, root, Workspace } from "../demo/workspace";

const latencyMs = 5;
const targets = { ratio: 1.1, providerSourceBytes: 128, inputsAndOutputsBytes: 1000, requireMs: 10 };
const noRequests = { POST: 0, PUT: 0, GET: 0, DELETE: 0, flows: 0, events: 0 };
type RequestCounts = typeof noRequests;

interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** The value of `team` to configure before the operation. */
  readonly team?: string;
  expectedRequests(resources: number): RequestCounts;
}

const up = ["up", "--yes", "--skip-preview"];
const preview = ["preview", "--expect-no-changes"];
const refresh = ["refresh", "--yes", "--skip-preview"];
const destroy = ["destroy", "--yes", "--skip-preview"];
const operations: readonly Operation[] = [
  {
    name: "create",
    args: up,
    team: "backend",
    expectedRequests: (n) => ({ ...noRequests, POST: n, flows: 1, events: 1 }),
  },
  { name: "preview without changes", args: preview, expectedRequests: () => noRequests },
  // One single read, then one list page.
  { name: "refresh", args: refresh, expectedRequests: () => ({ ...noRequests, GET: 2 }) },
  { name: "update all", args: up, team: "frontend", expectedRequests: (n) => ({ ...noRequests, PUT: n }) },
  { name: "destroy", args: destroy, expectedRequests: (n) => ({ ...noRequests, DELETE: n }) },
];

const runs = [
  { resources: 10, repetitions: 5 },
  { resources: 100, repetitions: 3 },
  { resources: 500, repetitions: 1 },
];

/** Changing the operations of a batch changes the program's configuration: `team` is in the data of all invitations, `firstRole` in that of one. */
interface BatchOperation {
  readonly name: string;
  readonly args: readonly string[];
  readonly config?: Readonly<Record<string, string>>;
  /** The highest ratio to 10 empty resources, for a batch of 1,000. */
  readonly target: number;
  /** `pages` is the number of list pages that the batch's invitations fill. */
  expectedRequests(invitations: number, pages: number): RequestCounts;
}

const batchOperations: readonly BatchOperation[] = [
  {
    name: "create",
    args: up,
    config: { team: "backend", firstRole: "member" },
    target: 1.6,
    expectedRequests: (n) => ({ ...noRequests, POST: n, flows: 1, events: 1 }),
  },
  { name: "preview without changes", args: preview, target: 1.05, expectedRequests: () => noRequests },
  {
    name: "refresh",
    args: refresh,
    target: 1.5,
    expectedRequests: (_, pages) => ({ ...noRequests, GET: pages }),
  },
  {
    name: "change one",
    args: up,
    config: { firstRole: "lead" },
    target: 1.1,
    expectedRequests: () => ({ ...noRequests, PUT: 1 }),
  },
  {
    name: "change all",
    args: up,
    config: { team: "frontend" },
    target: 1.8,
    expectedRequests: (n) => ({ ...noRequests, PUT: n }),
  },
  { name: "destroy", args: destroy, target: 2.5, expectedRequests: (n) => ({ ...noRequests, DELETE: n }) },
];

const batchRuns = [
  { invitations: 1000, others: 0, repetitions: 3 },
  { invitations: 5000, others: 0, repetitions: 1 },
  { invitations: 1000, others: 50_000, repetitions: 1 },
];

/** Rows per list page of authentik 2026.2. */
const pageSize = 100;
const batchBytesTarget = 500;

type Timing = Pick<RunResult, "seconds" | "cpuSeconds">;

/** One item per repetition. */
interface Measurements {
  readonly ours: Timing[];
  readonly empty: Timing[];
  readonly requests: RequestCounts[];
}

interface StateSize {
  readonly providerSourceBytes: number;
  /** Inputs and outputs of the largest resource, as compact JSON, without `fixedData`. */
  readonly inputsAndOutputsBytes: number;
  /** The largest resource, as compact JSON, with everything that the engine stores. */
  readonly resourceBytes: number;
}

interface StateSizes {
  readonly ours: StateSize;
  readonly empty: StateSize;
}

interface StoredResource {
  readonly type: string;
  readonly inputs: Record<string, unknown>;
  readonly outputs: Record<string, unknown>;
}

type ProgramName = "ours" | "empty" | "batch";

/** One of the programs, in its own project and stack. */
class BenchStack {
  private constructor(
    private readonly workspace: Workspace,
    private readonly name: ProgramName,
  ) {}

  static async create(
    interrupted: AbortSignal,
    name: ProgramName,
    config: Record<string, string>,
  ): Promise<BenchStack> {
    const workspace = await Workspace.create(interrupted, "authentik-bench-");
    const stack = new BenchStack(workspace, name);
    try {
      const program = JSON.stringify(join(__dirname, `${name}.js`));
      await writeFile(
        join(workspace.folder, "Pulumi.yaml"),
        `name: bench\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${program}\n`,
      );
      await stack.measure(["stack", "init", name]);
      for (const [key, value] of Object.entries(config)) await stack.setConfig(key, value);
    } catch (error) {
      await workspace.remove();
      throw error;
    }
    return stack;
  }

  async setConfig(key: string, value: string): Promise<void> {
    const isSecret = key === "authentik:token";
    const args = isSecret ? ["config", "set", "--secret", key] : ["config", "set", key, value];
    const { code, output } = await this.workspace.runPulumi(args, isSecret ? { input: value } : {});
    if (code !== 0) throw new ExpectationError(`pulumi config set ${key} exited with code ${code}:\n${output}`);
  }

  /** Runs `pulumi`. Throws if the exit code is not 0. */
  async measure(args: readonly string[]): Promise<Timing> {
    const { code, output, seconds, cpuSeconds } = await this.workspace.runPulumi(args);
    if (code === 0) return { seconds, cpuSeconds };
    throw new ExpectationError(`pulumi ${args.join(" ")} (${this.name}) exited with code ${code}:\n${output}`);
  }

  async readStateSize(): Promise<StateSize> {
    const file = join(this.workspace.folder, "backend", ".pulumi", "stacks", "bench", `${this.name}.json`);
    const state = JSON.parse(await readFile(file, "utf8")) as {
      checkpoint: { latest: { resources: StoredResource[] } };
    };
    const resources = state.checkpoint.latest.resources.filter(({ type }) => type.includes("dynamic/"));
    const largest = (sizeOf: (resource: StoredResource) => number): number => Math.max(...resources.map(sizeOf));
    return {
      providerSourceBytes: largest(({ outputs }) => jsonSize(outputs["__provider"]) - 2),
      inputsAndOutputsBytes: largest(
        ({ inputs, outputs }) => jsonSize(withoutFixedData(inputs)) + jsonSize(withoutFixedData(outputs)),
      ),
      resourceBytes: largest(jsonSize),
    };
  }

  /** Bytes of a batch's inputs and outputs per invitation, as compact JSON, decrypted and without `fixedData`. */
  async readBatchBytes(invitations: number): Promise<number> {
    const { code, stdout, output } = await this.workspace.runPulumi(["stack", "export", "--show-secrets"]);
    if (code !== 0) throw new ExpectationError(`pulumi stack export exited with code ${code}:\n${output}`);
    const { deployment } = JSON.parse(stdout) as { deployment: { resources: StoredResource[] } };
    const batch = deployment.resources.find(({ type }) => type.endsWith(":InvitationBatch"));
    return Math.round(
      (jsonSize(withoutAllData(batch?.inputs)) + jsonSize(withoutAllData(batch?.outputs))) / invitations,
    );
  }

  async remove(): Promise<void> {
    await this.workspace.remove();
  }
}

/** A copy of state properties with secrets as plaintext and without any `fixedData`. */
function withoutAllData(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAllData);
  if (typeof value !== "object" || value === null) return value;
  if ("plaintext" in value) return withoutAllData(JSON.parse(String(value.plaintext)));
  const entries = Object.entries(value).filter(([name]) => name !== "fixedData");
  return Object.fromEntries(entries.map(([name, property]) => [name, withoutAllData(property)]));
}

function withoutFixedData({ fixedData: _, ...others }: Record<string, unknown>): Record<string, unknown> {
  return others;
}

function jsonSize(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Counts the requests since the last call, those for flows and for the event log separately. */
function takeRequestCounts(authentik: Authentik): RequestCounts {
  const counts = { ...noRequests };
  for (const { method, path } of authentik.requests.splice(0)) {
    const kind = path.includes("/flows/") ? "flows" : path.includes("/events/") ? "events" : method;
    if (!(kind in counts)) throw new ExpectationError(`Unexpected request: ${method} ${path}.`);
    counts[kind as keyof RequestCounts] += 1;
  }
  // A second search follows if the stack has created the same before, as in a repetition.
  counts.events = Math.min(counts.events, 1);
  return counts;
}

async function runOperations(
  interrupted: AbortSignal,
  authentik: Authentik,
  resources: number,
  repetitions: number,
): Promise<{ measurements: Map<string, Measurements>; sizes: StateSizes }> {
  const config = { resources: String(resources), team: "backend" };
  const measurements = new Map(
    operations.map(({ name }) => [name, { ours: [], empty: [], requests: [] } as Measurements]),
  );
  const connection = { "authentik:url": authentik.url, "authentik:token": authentik.token };
  const cleanup = new CleanupStack();
  try {
    const ours = await BenchStack.create(interrupted, "ours", { ...config, ...connection });
    cleanup.defer(() => ours.remove());
    const empty = await BenchStack.create(interrupted, "empty", config);
    cleanup.defer(() => empty.remove());
    let sizes: StateSizes | undefined;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const { name, args, team } of operations) {
        const results = measurements.get(name) as Measurements;
        const measureOurs = async (): Promise<void> => {
          takeRequestCounts(authentik);
          results.ours.push(await ours.measure(args));
          results.requests.push(takeRequestCounts(authentik));
        };
        const measureEmpty = async (): Promise<void> => {
          results.empty.push(await empty.measure(args));
        };
        for (const stack of [ours, empty]) if (team !== undefined) await stack.setConfig("team", team);
        if (name === "create" && repetition === 0) {
          await measureOurs();
          const { providerSourceBytes } = await ours.readStateSize();
          await empty.setConfig("providerSourceBytes", String(providerSourceBytes));
          await measureEmpty();
          sizes = { ours: await ours.readStateSize(), empty: await empty.readStateSize() };
        } else {
          // Alternates the order, because the second one may find warmer caches or a busier machine.
          const steps = repetition % 2 === 0 ? [measureOurs, measureEmpty] : [measureEmpty, measureOurs];
          for (const step of steps) await step();
        }
        const { text } = compareTimings(results.ours.slice(-1), results.empty.slice(-1), "seconds");
        process.stderr.write(
          `${resources} resources, repetition ${repetition + 1} of ${repetitions}, ${name}: ${text}\n`,
        );
      }
    }
    return { measurements, sizes: sizes as StateSizes };
  } finally {
    await cleanup.run();
  }
}

interface BatchResults {
  readonly measurements: ReadonlyMap<string, Measurements>;
  readonly bytes: number;
  /** Undefined on systems other than Linux. */
  readonly peakMemory: number | undefined;
}

async function runBatchOperations(
  interrupted: AbortSignal,
  authentik: Authentik,
  { invitations, others, repetitions }: (typeof batchRuns)[number],
): Promise<BatchResults> {
  const measurements = new Map(
    batchOperations.map(({ name }) => [name, { ours: [], empty: [], requests: [] } as Measurements]),
  );
  const connection = { "authentik:url": authentik.url, "authentik:token": authentik.token };
  const config = { team: "backend", firstRole: "member" };
  const cleanup = new CleanupStack();
  try {
    const batch = await BenchStack.create(interrupted, "batch", {
      ...config,
      invitations: String(invitations),
      ...connection,
    });
    cleanup.defer(() => batch.remove());
    const empty = await BenchStack.create(interrupted, "empty", { ...config, resources: "10" });
    cleanup.defer(() => empty.remove());
    let bytes = 0;
    let peakMemory: number | undefined;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const { name, args, config: changes = {} } of batchOperations) {
        const results = measurements.get(name) as Measurements;
        for (const stack of [batch, empty]) {
          for (const [key, value] of Object.entries(changes)) await stack.setConfig(key, value);
        }
        const measureBatch = async (): Promise<void> => {
          takeRequestCounts(authentik);
          const memory = watchProviderMemory();
          results.ours.push(await batch.measure(args));
          const used = memory.stop();
          if (used !== undefined) peakMemory = Math.max(used, peakMemory ?? 0);
          results.requests.push(takeRequestCounts(authentik));
        };
        const measureEmpty = async (): Promise<void> => {
          results.empty.push(await empty.measure(args));
        };
        if (name === "create" && repetition === 0) {
          await measureBatch();
          bytes = await batch.readBatchBytes(invitations);
          const { providerSourceBytes } = await batch.readStateSize();
          await empty.setConfig("providerSourceBytes", String(providerSourceBytes));
          await measureEmpty();
        } else {
          const steps = repetition % 2 === 0 ? [measureBatch, measureEmpty] : [measureEmpty, measureBatch];
          for (const step of steps) await step();
        }
        const { text } = compareTimings(results.ours.slice(-1), results.empty.slice(-1), "seconds");
        process.stderr.write(
          `batch of ${invitations}, ${others} others, repetition ${repetition + 1} of ${repetitions}, ${name}: ${text}\n`,
        );
      }
    }
    return { measurements, bytes, peakMemory };
  } finally {
    await cleanup.run();
  }
}

/** Samples the peak memory of the provider process in MB, which Linux records. */
function watchProviderMemory(): { stop(): number | undefined } {
  let peak: number | undefined;
  const sample = (): void => {
    // The plugin's launcher has the same argument as the Node.js process that it starts.
    for (const pid of findDescendants()) {
      if (!readProc(pid, "cmdline").includes("dynamic-provider")) continue;
      const kilobytes = /VmHWM:\s*(\d+)/.exec(readProc(pid, "status"))?.[1];
      if (kilobytes !== undefined) peak = Math.max(peak ?? 0, Math.round(Number(kilobytes) / 1024));
    }
  };
  const timer = setInterval(sample, 100);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // The process has ended, or this is not Linux.
    return "";
  }
}

/** CPU milliseconds that the package adds to a program that has loaded Pulumi's SDK. The median of several processes. */
function measureRequire(): number {
  const script = `
    require("@pulumi/pulumi");
    const before = process.cpuUsage();
    require("pulumi-authentik-invitations");
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`;
  const times = Array.from({ length: 15 }, () =>
    Number(execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" })),
  );
  return median(times);
}

/** The median of the ratios of consecutive measurements, in which other load on the machine mostly cancels out. */
function compareTimings(
  ours: readonly Timing[],
  empty: readonly Timing[],
  unit: keyof Timing,
): { ratio: number; text: string } {
  const [a, b] = [ours, empty].map((timings) => timings.map((timing) => timing[unit] ?? Number.NaN)) as [
    number[],
    number[],
  ];
  const ratio = median(a.map((value, index) => value / (b[index] ?? Number.NaN)));
  if (Number.isNaN(ratio)) return { ratio, text: "not available on this system" };
  return { ratio, text: `${ratio.toFixed(2)} × empty (${median(a).toFixed(1)} s / ${median(b).toFixed(1)} s)` };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}

function formatRequests({ flows, events, ...methods }: RequestCounts): string {
  const parts = Object.entries(methods).flatMap(([method, count]) => (count === 0 ? [] : [`${count} ${method}`]));
  const lookups = flows === 0 ? [] : [`${flows} flow lookup${flows === 1 ? "" : "s"}`];
  const searches = events === 0 ? [] : [`${events} event search${events === 1 ? "" : "es"}`];
  return [...parts, ...lookups, ...searches].join(" + ") || "0";
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { quick, batches } = parseOptions();
  const missedTargets: string[] = [];
  const rows: string[][] = [];
  const checkTarget = (what: string, isMet: boolean): string => {
    if (!isMet) missedTargets.push(what);
    return isMet ? "met" : "MISSED";
  };
  const start = performance.now();
  const workspace = await Workspace.create(interrupted, "authentik-bench-");
  const { pulumiVersion } = workspace;
  await workspace.remove();
  const requireMs = measureRequire();
  const authentik = await Authentik.start({ latency: latencyMs });
  try {
    for (const { resources, repetitions } of batches ? [] : quick ? runs.slice(0, 1) : runs) {
      const { measurements, sizes } = await runOperations(interrupted, authentik, resources, repetitions);
      for (const { name, expectedRequests } of operations) {
        const { ours, empty, requests } = measurements.get(name) as Measurements;
        const label = `${resources} resources: ${name}`;
        for (const [title, unit] of [["time", "seconds"] as const, ["CPU time", "cpuSeconds"] as const]) {
          const { ratio, text } = compareTimings(ours, empty, unit);
          const hasTarget = unit === "seconds";
          rows.push([
            `${label}, ${title}`,
            hasTarget && ours.length > 1 ? `${text}, median of ${ours.length}` : text,
            hasTarget ? `≤ ${targets.ratio.toFixed(2)} × empty` : "",
            hasTarget ? (ratio <= targets.ratio ? "met" : "above target") : "",
          ]);
        }
        const expected = formatRequests(expectedRequests(resources));
        const actual = [...new Set(requests.map(formatRequests))];
        const isExact = actual.every((text) => text === expected);
        const result = checkTarget(`${label}: ${actual.join("; ")}`, isExact);
        rows.push([`${label}, requests`, actual.join("; "), expected, result]);
      }
      const { providerSourceBytes, inputsAndOutputsBytes, resourceBytes } = sizes.ours;
      const label = `${resources} resources: state per resource`;
      rows.push(
        [
          `${resources} resources: size of \`__provider\``,
          `${providerSourceBytes} bytes`,
          `≤ ${targets.providerSourceBytes} bytes`,
          checkTarget(
            `\`__provider\` is ${providerSourceBytes} bytes`,
            providerSourceBytes <= targets.providerSourceBytes,
          ),
        ],
        [
          `${label}, inputs and outputs without \`fixedData\``,
          `${inputsAndOutputsBytes} bytes (empty: ${sizes.empty.inputsAndOutputsBytes})`,
          `≤ ${targets.inputsAndOutputsBytes} bytes`,
          checkTarget(
            `inputs and outputs are ${inputsAndOutputsBytes} bytes`,
            inputsAndOutputsBytes <= targets.inputsAndOutputsBytes,
          ),
        ],
        [`${label}, total`, `${resourceBytes} bytes (empty: ${sizes.empty.resourceBytes})`, "", ""],
      );
    }
    for (const run of quick && !batches ? [] : batchRuns) rows.push(...(await measureBatch(run)));
  } finally {
    await authentik.close();
  }

  async function measureBatch(run: (typeof batchRuns)[number]): Promise<string[][]> {
    const { invitations, others } = run;
    for (let index = 0; index < others; index++) authentik.instance.invitations.add({ name: `other-${index}` });
    const { measurements, bytes, peakMemory } = await runBatchOperations(interrupted, authentik, run);
    const title = `batch of ${invitations.toLocaleString("en-US")}`;
    const label = others === 0 ? title : `${title}, next to ${others.toLocaleString("en-US")} other invitations`;
    const results = batchOperations.flatMap(({ name, target, expectedRequests }) => {
      const { ours, empty, requests } = measurements.get(name) as Measurements;
      const { ratio, text } = compareTimings(ours, empty, "seconds");
      const hasTarget = invitations === 1000 && others === 0;
      const expected = formatRequests(expectedRequests(invitations, Math.ceil(invitations / pageSize)));
      const actual = [...new Set(requests.map(formatRequests))].join("; ");
      return [
        [
          `${label}: ${name}, time`,
          ours.length > 1 ? `${text}, median of ${ours.length}` : text,
          hasTarget ? `≤ ${target.toFixed(2)} × 10 empty` : "",
          hasTarget ? (ratio <= target ? "met" : "above target") : "",
        ],
        [
          `${label}: ${name}, requests`,
          actual,
          expected,
          checkTarget(`${label}: ${name}: ${actual}`, actual === expected),
        ],
      ];
    });
    return [
      ...results,
      [
        `${label}: state per invitation, inputs and outputs without \`fixedData\``,
        `${bytes} bytes`,
        `≤ ${batchBytesTarget} bytes`,
        checkTarget(`${label}: ${bytes} bytes of state per invitation`, bytes <= batchBytesTarget),
      ],
      [
        `${label}: peak memory of the provider process`,
        peakMemory === undefined ? "not available on this system" : `${peakMemory} MB`,
        "",
        "",
      ],
    ];
  }
  rows.push([
    "CPU time to load the package after Pulumi's SDK",
    `${requireMs.toFixed(1)} ms`,
    `≤ ${targets.requireMs} ms`,
    requireMs <= targets.requireMs ? "met" : "above target",
  ]);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  process.stdout.write(
    `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, Node.js ${process.versions.node}, Pulumi ${pulumiVersion}; ` +
      `local file backend; embedded authentik in the same process, with ${latencyMs} ms latency per response; ${minutes} min. ` +
      `"empty" is a dynamic provider that does nothing.\n\n`,
  );
  const lines = [["", "measured", "target", "result"], ["---", "---", "---", "---"], ...rows];
  process.stdout.write(`${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`);
  if (missedTargets.length > 0) throw new ExpectationError(`Missed targets: ${missedTargets.join("; ")}.`);
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
