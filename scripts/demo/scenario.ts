import type { Admin, Kind } from "./admin";
import { parseDrift } from "./drift";
import { ExpectationError } from "./processes";
import type { RunResult, Workspace } from "./workspace";

/** A change that an admin makes in authentik, and the drift that Pulumi must report. */
export interface ManualChange {
  /** Describes the change in one sentence. */
  readonly description: string;
  apply(admin: Admin): Promise<void>;
  /** The values that the refresh must report: `["singleUse", "true", "false"]` is printed as `singleUse: true => false`. */
  readonly values: readonly (readonly [name: string, declared: string, found: string])[];
  /** The operation that reverts the change: `update quick-start-lead`. */
  readonly plannedOperation: string;
}

export interface ScenarioOptions {
  readonly workspace: Workspace;
  readonly admin: Admin;
  readonly stack: string;
  /** Configuration of the stack, in the order in which it is set. A `{ secret: … }` is not printed. */
  readonly config: Readonly<Record<string, string | { secret: string }>>;
  /** Names in authentik of the invitations that the program declares. */
  readonly invitations: readonly string[];
  /** Names in authentik of the invitation stages that the program declares. */
  readonly stages: readonly string[];
  /** Slugs of the flows that the program declares. */
  readonly flows?: readonly string[];
  /** Enrolls with one of the program's links, by key of the stack output `links`. Returns sentences that describe the result. */
  readonly enroll?: (links: Readonly<Record<string, string>>) => Promise<readonly string[]>;
  /** Whether an invitation or a stage with this name belongs to this run. */
  readonly isOurs: (name: string) => boolean;
  readonly changes: readonly ManualChange[];
  /** Path of the program, for a heading. */
  readonly program: string;
}

type ExpectedObjects = Pick<ScenarioOptions, "invitations" | "stages" | "flows">;

/** Prints the progress: with the output of each command in the demo, without it in the live tests. */
export interface Reporter {
  /** Prints the title of a step when it starts. */
  printHeading(title: string): void;
  /** Prints a command before it runs, as typed in a shell. */
  printCommand(line: string): void;
  /** Whether to print the output of commands. */
  readonly echo: boolean;
  printNote(sentence: string): void;
}

/** Runs a stack from `up` to `destroy`, with drift in between. Each step verifies its result. */
export class Scenario {
  readonly #options: ScenarioOptions;
  readonly #reporter: Reporter;

  constructor(options: ScenarioOptions, reporter: Reporter) {
    this.#options = options;
    this.#reporter = reporter;
  }

  /** Runs all steps. `beforeDestroy` runs before the last one. */
  async run(beforeDestroy: () => Promise<void> = async () => {}): Promise<void> {
    await this.createStack();
    await this.deploy();
    const links = await this.showLinks();
    await this.enrollInvitee(links);
    await this.previewWithoutChanges();
    await this.changeOutsidePulumi();
    await this.detectDrift();
    await this.repairDrift();
    await this.verifyRepair();
    await beforeDestroy();
    await this.destroy();
  }

  async createStack(): Promise<void> {
    const { stack, config } = this.#options;
    this.#reporter.printHeading("Create a stack, and configure authentik's URL and API token.");
    await this.runPulumi(["stack", "init", stack]);
    for (const [key, value] of Object.entries(config)) await this.setConfig(key, value);
  }

  async deploy(): Promise<void> {
    this.#reporter.printHeading(`Create everything that ${this.#options.program} declares.`);
    await this.runPulumi(["up", "--yes", "--skip-preview"]);
    await this.#verifyObjects(this.#options);
  }

  /** Returns the stack output `links`. */
  async showLinks(): Promise<Record<string, string>> {
    this.#reporter.printHeading(
      "Show the invitation links. They are secret, so Pulumi prints them only with --show-secrets.",
    );
    const { stdout } = await this.runPulumi(["stack", "output", "links", "--show-secrets"]);
    const linksByKey = JSON.parse(stdout) as Record<string, string>;
    const links = Object.values(linksByKey);
    const invitations = (await this.#options.admin.list("invitations")).filter(({ name }) =>
      this.#options.isOurs(name),
    );
    const isUnknown = (link: string): boolean => !invitations.some(({ pk }) => link.endsWith(`/?itoken=${pk}`));
    if (links.length === 0) throw new ExpectationError("The stack has no links.");
    if (links.some(isUnknown)) throw new ExpectationError("A link does not belong to any invitation in authentik.");
    return linksByKey;
  }

  async enrollInvitee(links: Readonly<Record<string, string>>): Promise<void> {
    const { enroll } = this.#options;
    if (enroll === undefined) return;
    this.#reporter.printHeading("Enroll with a link, as an invitee does in a browser.");
    // `detectDrift` verifies that an enrollment is not drift.
    for (const sentence of await enroll(links)) this.#reporter.printNote(sentence);
  }

  async previewWithoutChanges(): Promise<void> {
    this.#reporter.printHeading("Preview the program again. It has not changed, so there is nothing to do.");
    await this.runPulumi(["preview", "--expect-no-changes"]);
  }

  async changeOutsidePulumi(): Promise<void> {
    this.#reporter.printHeading("Make changes in authentik, outside Pulumi.");
    for (const change of this.#options.changes) {
      await change.apply(this.#options.admin);
      this.#reporter.printNote(change.description);
    }
  }

  async detectDrift(): Promise<void> {
    this.#reporter.printHeading("Detect the drift: a preview with a refresh lists every change, line by line.");
    const { code, output } = await this.#runPulumi(["preview", "--refresh", "--diff", "--expect-no-changes"]);
    const { changes } = this.#options;
    const drift = parseDrift(output);
    const values = changes.flatMap((change) => change.values);
    const problems = [
      ...(code === 7 ? [] : [`the exit code is ${code} instead of 7`]),
      ...describeDifferences(
        drift.plannedValues,
        values.map(([name, declared, found]) => `${name}: ${found} => ${declared}`),
      ),
      ...describeDifferences(
        drift.plannedOperations,
        changes.map(({ plannedOperation: repair }) => repair),
      ),
      // Not an exact comparison: the refresh also lists what follows from a change, such as the UUID of another flow.
      ...describeMissing(
        drift.refreshedValues,
        values.map(([name, declared, found]) => `${name}: ${declared} => ${found}`),
      ),
    ];
    if (problems.length > 0) throw new ExpectationError(this.#formatFailure("Wrong drift", problems, output));
    this.#reporter.printNote(
      "Exit code 7: authentik differs from the program. A scheduled job that runs this command fails when there is drift.",
    );
  }

  async repairDrift(): Promise<void> {
    this.#reporter.printHeading("Repair the drift: restore what the program declares.");
    await this.runPulumi(["up", "--refresh", "--yes", "--skip-preview"]);
    await this.#verifyObjects(this.#options);
  }

  async verifyRepair(): Promise<void> {
    this.#reporter.printHeading("Preview with a refresh again: authentik matches the program, and the exit code is 0.");
    await this.runPulumi(["preview", "--refresh", "--expect-no-changes"]);
  }

  async destroy(): Promise<void> {
    this.#reporter.printHeading("Delete everything that the program created.");
    await this.runPulumi(["destroy", "--yes", "--skip-preview"]);
    await this.#verifyObjects({ invitations: [], stages: [] });
    this.#reporter.printNote("Verified with authentik's API: no invitation, stage or flow of this stack is left.");
  }

  async setConfig(key: string, value: string | { secret: string }): Promise<void> {
    if (typeof value === "string") await this.runPulumi(["config", "set", key, value]);
    // Without a value, Pulumi reads it from standard input, which keeps it out of the shell history and the process list.
    else await this.runPulumi(["config", "set", "--secret", key], value.secret);
  }

  /** Runs `pulumi`. Throws if the exit code is not 0. */
  async runPulumi(args: readonly string[], input?: string): Promise<RunResult> {
    const result = await this.#runPulumi(args, input);
    if (result.code === 0) return result;
    throw new ExpectationError(
      this.#formatFailure(`pulumi ${args.join(" ")} exited with code ${result.code}`, [], result.output),
    );
  }

  async #runPulumi(args: readonly string[], input?: string): Promise<RunResult> {
    this.#reporter.printCommand(`pulumi ${args.join(" ")}`);
    return await this.#options.workspace.runPulumi(args, { input, echo: this.#reporter.echo });
  }

  /** Lists the objects of this run with authentik's API, and throws if they are not exactly these. */
  async #verifyObjects({ invitations, stages, flows = [] }: ExpectedObjects): Promise<void> {
    const { admin, isOurs, flows: ourFlows = [] } = this.#options;
    const listNames = async (kind: Kind): Promise<string[]> => (await admin.list(kind)).map(({ name }) => name);
    const listSlugs = async (): Promise<string[]> => (await admin.listFlows()).map(({ slug }) => slug);
    for (const { kind, actual, expected } of [
      { kind: "invitations", actual: (await listNames("invitations")).filter(isOurs), expected: invitations },
      { kind: "stages", actual: (await listNames("stages")).filter(isOurs), expected: stages },
      // The other flows are authentik's own.
      { kind: "flows", actual: (await listSlugs()).filter((slug) => ourFlows.includes(slug)), expected: flows },
    ]) {
      const problems = describeDifferences(actual, expected);
      if (problems.length > 0) throw new ExpectationError(`Wrong ${kind} in authentik: ${problems.join("; ")}.`);
    }
  }

  /** Appends the output of `pulumi`, unless it has been printed already. */
  #formatFailure(what: string, problems: readonly string[], output: string): string {
    const sentence = `${what}${problems.length > 0 ? `: ${problems.join("; ")}` : ""}.`;
    return this.#reporter.echo ? sentence : `${sentence} Output:\n\n${output}`;
  }
}

function describeMissing(actual: readonly string[], expected: readonly string[]): string[] {
  return expected.filter((item) => !actual.includes(item)).map((item) => `${item} is missing`);
}

function describeDifferences(actual: readonly string[], expected: readonly string[]): string[] {
  const unexpected = actual.filter((item) => !expected.includes(item)).map((item) => `${item} is unexpected`);
  const repeated =
    actual.length !== expected.length && unexpected.length === 0
      ? [`${actual.length} instead of ${expected.length}`]
      : [];
  const missing = describeMissing(actual, expected);
  return [...missing, ...unexpected, ...(missing.length === 0 ? repeated : [])];
}
