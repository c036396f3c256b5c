/**
 * `npm run bench`: what this package costs beside a dynamic provider that does nothing, with as many resources, the same
 * inputs and outputs, in the same run. `--quick` takes 10 resources only. Fails only where an exact thing is missed.
 */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Disappointment, runMain, Undo } from "../demo/processes";
import { type Run, root, Workspace } from "../demo/workspace";
import { Authentik } from "../sandbox";

const latency = 5;
const targets = { ratio: 1.1, providerText: 128, inputsAndOutputs: 1000, requireMilliseconds: 10 };
const noRequests = { POST: 0, PUT: 0, GET: 0, DELETE: 0, flows: 0 };
type Requests = typeof noRequests;

interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  /** What is set before. */
  readonly team?: string;
  requests(resources: number): Requests;
}

const up = ["up", "--yes", "--skip-preview"];
const operations: readonly Operation[] = [
  { name: "create", args: up, team: "backend", requests: (n) => ({ ...noRequests, POST: n, flows: 1 }) },
  { name: "no-op preview", args: ["preview", "--expect-no-changes"], requests: () => noRequests },
  { name: "refresh", args: ["refresh", "--yes", "--skip-preview"], requests: (n) => ({ ...noRequests, GET: n }) },
  { name: "change all", args: up, team: "frontend", requests: (n) => ({ ...noRequests, PUT: n }) },
  { name: "destroy", args: ["destroy", "--yes", "--skip-preview"], requests: (n) => ({ ...noRequests, DELETE: n }) },
];

const runs = [
  { resources: 10, repetitions: 5 },
  { resources: 100, repetitions: 3 },
  { resources: 500, repetitions: 1 },
];

/** What one operation took. */
type Cost = Pick<Run, "seconds" | "cpuSeconds">;

interface Measured {
  /** By repetition. */
  readonly ours: Cost[];
  readonly empty: Cost[];
  readonly requests: Requests[];
}

interface StateSize {
  readonly providerText: number;
  /** The largest of a resource, compact, without `fixedData`. */
  readonly inputsAndOutputs: number;
  /** The largest resource, compact, with all that the engine writes of it. */
  readonly resource: number;
}

/** One of the two programs in a project and stack of its own. */
class Side {
  private constructor(
    private readonly workspace: Workspace,
    private readonly name: "ours" | "empty",
  ) {}

  static async create(interrupted: AbortSignal, name: "ours" | "empty", config: Record<string, string>): Promise<Side> {
    const workspace = await Workspace.create(interrupted, "authentik-bench-");
    const side = new Side(workspace, name);
    try {
      const program = JSON.stringify(join(__dirname, `${name}.js`));
      await writeFile(
        join(workspace.folder, "Pulumi.yaml"),
        `name: bench\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${program}\n`,
      );
      await side.cost(["stack", "init", name]);
      for (const [key, value] of Object.entries(config)) await side.set(key, value);
    } catch (error) {
      await workspace.remove();
      throw error;
    }
    return side;
  }

  get pulumiVersion(): string {
    return this.workspace.pulumiVersion;
  }

  async set(key: string, value: string): Promise<void> {
    const isSecret = key === "authentik:token";
    const args = isSecret ? ["config", "set", "--secret", key] : ["config", "set", key, value];
    const { code, output } = await this.workspace.pulumi(args, isSecret ? { input: value } : {});
    if (code !== 0) throw new Disappointment(`pulumi config set ${key} ended with ${code}:\n${output}`);
  }

  /** What `pulumi` costs, which must succeed. */
  async cost(args: readonly string[]): Promise<Cost> {
    const run = await this.workspace.pulumi(args);
    if (run.code === 0) return { seconds: run.seconds, cpuSeconds: run.cpuSeconds };
    throw new Disappointment(`pulumi ${args.join(" ")} (${this.name}) ended with ${run.code}:\n${run.output}`);
  }

  async stateSize(): Promise<StateSize> {
    const file = join(this.workspace.folder, "backend", ".pulumi", "stacks", "bench", `${this.name}.json`);
    const state = JSON.parse(await readFile(file, "utf8")) as { checkpoint: { latest: { resources: Stored[] } } };
    const resources = state.checkpoint.latest.resources.filter(({ type }) => type.includes("dynamic/"));
    const largest = (sizeOf: (resource: Stored) => number): number => Math.max(...resources.map(sizeOf));
    return {
      providerText: largest(({ outputs }) => bytes(outputs["__provider"]) - 2),
      inputsAndOutputs: largest(({ inputs, outputs }) => bytes(withoutData(inputs)) + bytes(withoutData(outputs))),
      resource: largest(bytes),
    };
  }

  async remove(): Promise<void> {
    await this.workspace.remove();
  }
}

interface Stored {
  readonly type: string;
  readonly inputs: Record<string, unknown>;
  readonly outputs: Record<string, unknown>;
}

function withoutData({ fixedData: _, ...others }: Record<string, unknown>): Record<string, unknown> {
  return others;
}

function bytes(json: unknown): number {
  return Buffer.byteLength(JSON.stringify(json));
}

/** What was asked since the list was last emptied; look-ups of flows by themselves. */
function takeRequests(authentik: Authentik): Requests {
  const requests = { ...noRequests };
  for (const { method, path } of authentik.requests.splice(0)) {
    const kind = path.includes("/flows/") ? "flows" : method;
    if (!(kind in requests)) throw new Disappointment(`${method} ${path} is a request that nobody expected.`);
    requests[kind as keyof Requests] += 1;
  }
  return requests;
}

async function measure(
  interrupted: AbortSignal,
  authentik: Authentik,
  resources: number,
  repetitions: number,
): Promise<{ measured: Map<string, Measured>; sizes: { ours: StateSize; empty: StateSize } }> {
  const config = { resources: String(resources), team: "backend" };
  const measured = new Map(operations.map(({ name }) => [name, { ours: [], empty: [], requests: [] } as Measured]));
  const access = { "authentik:url": authentik.url, "authentik:token": authentik.token };
  const undo = new Undo();
  try {
    const ours = await Side.create(interrupted, "ours", { ...config, ...access });
    undo.later(() => ours.remove());
    const empty = await Side.create(interrupted, "empty", config);
    undo.later(() => empty.remove());
    let sizes: { ours: StateSize; empty: StateSize } | undefined;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const { name, args, team } of operations) {
        const into = measured.get(name) as Measured;
        const measureOurs = async (): Promise<void> => {
          takeRequests(authentik);
          into.ours.push(await ours.cost(args));
          into.requests.push(takeRequests(authentik));
        };
        const measureEmpty = async (): Promise<void> => {
          into.empty.push(await empty.cost(args));
        };
        for (const side of [ours, empty]) if (team !== undefined) await side.set("team", team);
        if (name === "create" && repetition === 0) {
          await measureOurs();
          await empty.set("providerTextLength", String((await ours.stateSize()).providerText));
          await measureEmpty();
          sizes = { ours: await ours.stateSize(), empty: await empty.stateSize() };
        } else {
          // Who comes second may find a warmer or a busier machine.
          for (const one of repetition % 2 === 0 ? [measureOurs, measureEmpty] : [measureEmpty, measureOurs])
            await one();
        }
        process.stderr.write(
          `${resources} resources, ${repetition + 1} of ${repetitions}, ${name}: ${compared(into.ours.slice(-1), into.empty.slice(-1), "seconds").text}\n`,
        );
      }
    }
    return { measured, sizes: sizes as { ours: StateSize; empty: StateSize } };
  } finally {
    await undo.all();
  }
}

/** CPU milliseconds that the package adds to a program that has loaded Pulumi's SDK: the median of many processes. */
function requireMilliseconds(): number {
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

/** The median of the ratios of what was measured one after the other: so the machine's other work cancels out, mostly. */
function compared(ours: readonly Cost[], empty: readonly Cost[], unit: keyof Cost): { ratio: number; text: string } {
  const [a, b] = [ours, empty].map((costs) => costs.map((cost) => cost[unit] ?? Number.NaN)) as [number[], number[]];
  const ratio = median(a.map((value, index) => value / (b[index] ?? Number.NaN)));
  if (Number.isNaN(ratio)) return { ratio, text: "not told by this system" };
  return { ratio, text: `${ratio.toFixed(2)} × empty (${median(a).toFixed(1)} s / ${median(b).toFixed(1)} s)` };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}

function requestsText(requests: Requests): string {
  const { flows, ...methods } = requests;
  const told = Object.entries(methods).flatMap(([method, count]) => (count === 0 ? [] : [`${count} ${method}`]));
  return [...told, ...(flows === 0 ? [] : [`${flows} flow look-up${flows === 1 ? "" : "s"}`])].join(" + ") || "0";
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { quick } = options();
  const missed: string[] = [];
  const rows: string[][] = [];
  const held = (what: string, isHeld: boolean): string => {
    if (!isHeld) missed.push(what);
    return isHeld ? "held" : "MISSED";
  };
  const start = performance.now();
  const probe = await Workspace.create(interrupted, "authentik-bench-");
  const { pulumiVersion } = probe;
  await probe.remove();
  const load = requireMilliseconds();
  const authentik = await Authentik.start({ latency });
  try {
    for (const { resources, repetitions } of quick ? runs.slice(0, 1) : runs) {
      const { measured, sizes } = await measure(interrupted, authentik, resources, repetitions);
      for (const { name, requests } of operations) {
        const { ours, empty, requests: sent } = measured.get(name) as Measured;
        const what = `${resources}: ${name}`;
        for (const [title, unit] of [["time", "seconds"] as const, ["CPU time", "cpuSeconds"] as const]) {
          const { ratio, text } = compared(ours, empty, unit);
          const isTimed = unit === "seconds";
          rows.push([
            `${what}, ${title}`,
            isTimed && ours.length > 1 ? `${text}, median of ${ours.length}` : text,
            isTimed ? `≤ ${targets.ratio.toFixed(2)} × empty` : "",
            isTimed ? (ratio <= targets.ratio ? "held" : "above") : "",
          ]);
        }
        const wanted = requestsText(requests(resources));
        const seen = [...new Set(sent.map(requestsText))];
        const isExact = seen.every((text) => text === wanted);
        rows.push([`${what}, requests`, seen.join("; "), wanted, held(`${what}: ${seen.join("; ")}`, isExact)]);
      }
      const { providerText, inputsAndOutputs, resource } = sizes.ours;
      const state = `${resources}: state of a resource`;
      rows.push(
        [
          `${resources}: length of \`__provider\``,
          `${providerText} bytes`,
          `≤ ${targets.providerText} bytes`,
          held(`\`__provider\` has ${providerText} bytes`, providerText <= targets.providerText),
        ],
        [
          `${state}, inputs and outputs without \`fixedData\``,
          `${inputsAndOutputs} bytes (empty: ${sizes.empty.inputsAndOutputs})`,
          `≤ ${targets.inputsAndOutputs} bytes`,
          held(`inputs and outputs have ${inputsAndOutputs} bytes`, inputsAndOutputs <= targets.inputsAndOutputs),
        ],
        [`${state}, whole`, `${resource} bytes (empty: ${sizes.empty.resource})`, "", ""],
      );
    }
  } finally {
    await authentik.close();
  }
  const isQuick = load <= targets.requireMilliseconds;
  rows.push([
    "`require` of the package, CPU time beside Pulumi's SDK",
    `${load.toFixed(1)} ms`,
    `≤ ${targets.requireMilliseconds} ms`,
    isQuick ? "held" : "above",
  ]);
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  process.stdout.write(
    `${cpus()[0]?.model ?? "an unknown CPU"}, ${availableParallelism()} cores, Node ${process.versions.node}, Pulumi ${pulumiVersion}; local file backend; embedded authentik in this process, with ${latency} ms before each answer; ${minutes} min.\n\n`,
  );
  const lines = [["", "measured", "target", ""], ["---", "---", "---", "---"], ...rows];
  process.stdout.write(`${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`);
  if (missed.length > 0) throw new Disappointment(`Missed: ${missed.join("; ")}.`);
}

function options(): { quick: boolean } {
  try {
    const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Disappointment(`${reason}\n\nUsage: npm run bench -- [--quick]`);
  }
}

void runMain(main);
